import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { defectAmplitude, defectFrequencies, bearingGeometrySchema } from '../../../../../registry/domain/features/bearing.ts'
import { fftPlan } from '../../../../../registry/domain/features/fft-plan.ts'
import {
  amplitudeSpectrum, bandPower, envelope, peakInBand, welchDensity,
} from '../../../../../registry/domain/features/spectrum.ts'

const signal = fc.array(fc.double({ min: -1e3, max: 1e3, noNaN: true }), { minLength: 2, maxLength: 70 })

function slowDft(x: readonly number[], k: number): [number, number] {
  let re = 0
  let im = 0
  x.forEach((v, n) => {
    const angle = (-2 * Math.PI * ((k * n) % x.length)) / x.length
    re += v * Math.cos(angle)
    im += v * Math.sin(angle)
  })
  return [re, im]
}

describe('fftPlan', () => {
  it('agrees with the definition of the transform for every length, powers of two or not', () => {
    fc.assert(fc.property(signal, (x) => {
      const bins = fftPlan(x.length).forwardReal(Float64Array.from(x))
      const scale = 1e-10 * (1 + x.reduce((sum, v) => sum + Math.abs(v), 0))
      for (let k = 0; 2 * k <= x.length; k++) {
        const [re, im] = slowDft(x, k)
        assert.ok(Math.abs((bins[2 * k] ?? NaN) - re) <= scale, `re ${k} of ${x.length}`)
        assert.ok(Math.abs((bins[2 * k + 1] ?? NaN) - im) <= scale, `im ${k} of ${x.length}`)
      }
    }), { numRuns: 300 })
  })

  it('inverse undoes forward for complex bins of any length', () => {
    fc.assert(fc.property(signal, (x) => {
      const plan = fftPlan(x.length)
      const full = new Float64Array(2 * x.length)
      for (let k = 0; k < x.length; k++) full.set(slowDft(x, k), 2 * k)
      const back = plan.inverse(full)
      const scale = 1e-9 * (1 + x.reduce((sum, v) => sum + Math.abs(v), 0))
      x.forEach((v, n) => {
        assert.ok(Math.abs((back[2 * n] ?? NaN) - v) <= scale)
        assert.ok(Math.abs(back[2 * n + 1] ?? NaN) <= scale)
      })
    }))
  })

  it('agrees at the lengths devices send, whichever way they are transformed', () => {
    for (const size of [1024, 1984, 2000, 2112, 2500, 2560, 3001, 10_000]) {
      const x = Array.from({ length: size }, (_, i) => Math.sin(i * i * 0.1) + (i % 7))
      const bins = fftPlan(size).forwardReal(Float64Array.from(x))
      for (const k of [0, 1, 17, Math.floor(size / 3), Math.floor(size / 2)]) {
        const [re, im] = slowDft(x, k)
        assert.ok(Math.hypot((bins[2 * k] ?? NaN) - re, (bins[2 * k + 1] ?? NaN) - im) < 1e-8, `bin ${k} of ${size}`)
      }
    }
  })

  it('keeps its figures when many other lengths came between', () => {
    const x = Float64Array.from({ length: 48 }, (_, i) => Math.sin(i))
    const before = [...fftPlan(48).forwardReal(x)]
    for (let n = 50; n < 150; n++) fftPlan(n)
    assert.deepEqual([...fftPlan(48).forwardReal(x)], before)
  })

  it('refuses lengths that have no spectrum', () => {
    for (const size of [0, 1, 2.5, 2 ** 30]) assert.throws(() => fftPlan(size), { code: 'invalid' })
  })
})

describe('amplitude spectrum and Welch density', () => {
  it('a sine on a bin shows its amplitude, at any even or odd length', () => {
    for (const n of [256, 250, 255]) {
      const x = Float64Array.from({ length: n }, (_, i) => 7 + 3 * Math.sin((2 * Math.PI * 20 * i) / n + 0.3))
      const peak = peakInBand(amplitudeSpectrum(x, n), 1, n / 2)
      assert.equal(peak?.frequencyHz, 20)
      assert.ok(Math.abs((peak?.amplitude ?? 0) - 3) < 1e-9)
    }
  })

  it('the bands of a density add up to the power of the whole', () => {
    fc.assert(fc.property(fc.double({ min: 1, max: 499, noNaN: true }), fc.integer(), (split, seed) => {
      const x = Float64Array.from({ length: 2048 }, (_, i) => Math.sin(i * i * 0.37 + seed))
      const density = welchDensity(x, 1000, 512)
      const whole = bandPower(density, 0, 501)
      assert.ok(Math.abs(bandPower(density, 0, split) + bandPower(density, split, 501) - whole) < 1e-12 * whole)
    }), { numRuns: 30 })
  })

  it('a recording shorter than the segment is one segment of its own length', () => {
    const x = Float64Array.from({ length: 100 }, (_, i) => Math.sin(i))
    assert.deepEqual(welchDensity(x, 100, 4096), welchDensity(x, 100, 100))
  })

  it('has no peak where no bin lies', () => {
    const spectrum = { resolutionHz: 10, values: Float64Array.of(1, 2, 3) }
    assert.equal(peakInBand(spectrum, 11, 19), undefined)
    assert.equal(peakInBand(spectrum, 21, 99), undefined)
    assert.deepEqual(peakInBand(spectrum, 10, 20), { frequencyHz: 20, amplitude: 3 })
  })
})

describe('envelope', () => {
  it('recovers the modulation of an amplitude-modulated carrier', () => {
    const rate = 10_000
    const modulation = (i: number) => 1 + 0.5 * Math.cos((2 * Math.PI * 100 * i) / rate)
    const x = Float64Array.from({ length: 5000 }, (_, i) => modulation(i) * Math.sin((2 * Math.PI * 2000 * i) / rate))
    const magnitude = envelope(x, rate, 1500, 2500)
    magnitude.forEach((v, i) => assert.ok(Math.abs(v - modulation(i)) < 1e-9))
    assert.throws(() => envelope(x, rate, 2500, 1500), { code: 'invalid' })
  })
})

describe('bearing defects', () => {
  const geometry = bearingGeometrySchema.parse({ rollingElements: 9, ballDiameter: 0.3126, pitchDiameter: 1.537 })

  it('outer and inner race passes add up to one pass of every element per turn', () => {
    const f = defectFrequencies(geometry, 29.95)
    assert.ok(Math.abs(f.bpfo + f.bpfi - 9 * 29.95) < 1e-9)
    assert.ok(Math.abs(f.bpfo - 9 * f.ftf) < 1e-9)
  })

  it('refuses balls larger than the bearing', () => {
    assert.throws(() => bearingGeometrySchema.parse({ rollingElements: 9, ballDiameter: 2, pitchDiameter: 1 }), /same unit/)
  })

  it('sums the harmonics it finds, tolerates slip and says NaN beyond the spectrum', () => {
    const values = new Float64Array(200)
    values[101] = 3
    values[199] = 4
    const spectrum = { resolutionHz: 1, values }
    assert.equal(defectAmplitude(spectrum, 100, 2, 0.02), 5)
    assert.equal(defectAmplitude(spectrum, 100, 1, 0.02), 3)
    assert.equal(defectAmplitude(spectrum, 100, 9, 0.02), 5)
    assert.ok(Number.isNaN(defectAmplitude(spectrum, 300, 3, 0.02)))
  })
})
