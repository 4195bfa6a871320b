import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { scalarStatistics, waveStatistics } from '../../../../../registry/domain/features/time-domain.ts'

describe('scalarStatistics', () => {
  it('gives the slope of a straight line per hour, wherever it starts', () => {
    fc.assert(fc.property(
      fc.double({ min: -50, max: 50, noNaN: true }), fc.double({ min: -50, max: 50, noNaN: true }), fc.integer({ min: 2, max: 200 }),
      (perHour, offset, n) => {
        const start = 1_772_366_400_000_000
        const times = Float64Array.from({ length: n }, (_, i) => start + i * 1_000_000)
        const values = times.map((t) => offset + (perHour * (t - start)) / 3.6e9)
        assert.ok(Math.abs(scalarStatistics(times, values).slope - perHour) < 1e-6 * (1 + Math.abs(perHour) + Math.abs(offset)))
      },
    ))
  })

  it('knows the figures of a small sample', () => {
    const s = scalarStatistics(Float64Array.of(0, 1, 2, 3), Float64Array.of(1, 2, 3, 10))
    assert.deepEqual(
      [s.count, s.mean, s.rms, s.std, s.min, s.max, s.range, s.last],
      [4, 4, Math.sqrt(28.5), Math.sqrt(12.5), 1, 10, 9, 10],
    )
    assert.ok(Math.abs(s.skewness - 180 / 4 / 12.5 ** 1.5) < 1e-12)
    assert.ok(Math.abs(s.kurtosis - (81 + 16 + 1 + 1296) / 4 / 12.5 ** 2) < 1e-12)
  })

  it('says NaN where there is nothing to say, and never invents a shape for a constant', () => {
    assert.equal(scalarStatistics(new Float64Array(0), new Float64Array(0)).count, 0)
    assert.ok(Number.isNaN(scalarStatistics(new Float64Array(0), new Float64Array(0)).mean))
    const constant = scalarStatistics(Float64Array.of(5, 5, 5), Float64Array.of(0.1, 0.1, 0.1))
    assert.equal(constant.std, 0)
    for (const value of [constant.kurtosis, constant.skewness, constant.slope]) assert.ok(Number.isNaN(value))
  })

  it('keeps the digits of a ripple on a large offset', () => {
    const times = Float64Array.from({ length: 1000 }, (_, i) => i)
    const values = times.map((i) => 1e9 + (i % 2 === 0 ? 1e-3 : -1e-3))
    assert.ok(Math.abs(scalarStatistics(times, values).std - 1e-3) < 1e-7)
  })
})

describe('waveStatistics', () => {
  it('is to the bit the same however the recording was cut', () => {
    fc.assert(fc.property(
      fc.float32Array({ minLength: 2, maxLength: 100, noNaN: true, noDefaultInfinity: true, max: 1e6, min: -1e6 }), fc.nat(),
      (x, cut) => {
        const at = cut % x.length
        assert.deepEqual(waveStatistics([x.subarray(0, at), x.subarray(at)]), waveStatistics([x]))
      },
    ))
  })

  it('crest of a sine is √2, of a square wave 1', () => {
    const sine = Float64Array.from({ length: 1000 }, (_, i) => 4 * Math.sin((2 * Math.PI * 10 * i) / 1000))
    assert.ok(Math.abs(waveStatistics([sine]).crest - Math.SQRT2) < 1e-9)
    const square = waveStatistics([Float64Array.of(2, -2, 2, -2)])
    assert.deepEqual([square.crest, square.shape, square.impulse, square.kurtosis, square.peakToPeak], [1, 1, 1, 1, 4])
  })
})
