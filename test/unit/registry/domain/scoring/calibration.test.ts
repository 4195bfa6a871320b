import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  calibrationSchema, createCalibrator, fitCalibration, scoreAtConfidence,
} from '../../../../../registry/domain/scoring/calibration.ts'

/** n quantiles of an exponential distribution: held-out scores without a generator. */
const exponential = (n: number) => Array.from({ length: n }, (_, i) => -Math.log(1 - (i + 0.5) / n))

const heldOut = fc.array(fc.double({ min: -1e3, max: 1e3, noNaN: true }), { minLength: 60, maxLength: 900 })
  .filter((scores) => Math.max(...scores) - Math.min(...scores) > 1e-6)

describe('calibration', () => {
  it('gives the share of normal windows below, inside the data', () => {
    const calibrate = createCalibrator(fitCalibration(exponential(5000)))
    for (const p of [0.05, 0.5, 0.9, 0.99, 0.999]) assert.ok(Math.abs(calibrate(-Math.log(1 - p)).confidence - p) < 2e-3)
  })

  it('goes on beyond the data, says so, and is careful there', () => {
    const calibrate = createCalibrator(fitCalibration(exponential(1000)))
    const beyond = calibrate(12)
    assert.ok(beyond.extrapolated && !beyond.saturated)
    assert.ok(beyond.confidence > 0.999 && beyond.confidence < 1 - Math.exp(-12))
  })

  it('is monotone everywhere and stays inside (0, 1)', () => {
    fc.assert(fc.property(heldOut, fc.array(fc.double({ noNaN: true, min: -1e9, max: 1e9 }), { minLength: 2, maxLength: 50 }), (scores, asked) => {
      const calibrate = createCalibrator(fitCalibration(scores))
      const results = [...asked, ...scores].sort((a, b) => a - b).map(calibrate)
      results.forEach((result, i) => {
        assert.ok(result.confidence > 0 && result.confidence < 1)
        const before = results[i - 1]
        if (before) assert.ok(result.confidence >= before.confidence && result.surprise >= before.surprise)
      })
    }))
  })

  it('tells any two different scores apart, far beyond the data too', () => {
    fc.assert(fc.property(heldOut, fc.array(fc.double({ min: 1, max: 3, noNaN: true }), { minLength: 2, maxLength: 20 }), (scores, steps) => {
      const calibrate = createCalibrator(fitCalibration(scores))
      const highest = Math.max(...scores)
      let reach = 1
      let before = calibrate(highest)
      for (const step of steps) {
        reach *= 1 + step
        const here = calibrate(highest + reach)
        assert.ok(here.surprise > before.surprise)
        assert.ok(here.saturated || here.confidence > before.confidence)
        before = here
      }
    }))
    const far = createCalibrator(fitCalibration(exponential(100)))(1e300)
    assert.deepEqual([far.saturated, far.extrapolated, far.confidence < 1], [true, true, true])
  })

  it('survives JSON, and depends on the scores only, not their order', () => {
    fc.assert(fc.property(heldOut, (scores) => {
      const state = fitCalibration(scores)
      assert.deepEqual(calibrationSchema.parse(JSON.parse(JSON.stringify(state))), JSON.parse(JSON.stringify(state)))
      assert.deepEqual(fitCalibration([...scores].reverse()), state)
    }), { numRuns: 30 })
  })

  it('scoreAtConfidence undoes it', () => {
    const state = fitCalibration(exponential(700))
    const calibrate = createCalibrator(state)
    fc.assert(fc.property(fc.double({ min: 1e-4, max: 0.999999, noNaN: true }), (confidence) => {
      assert.ok(Math.abs(calibrate(scoreAtConfidence(state, confidence)).confidence - confidence) < 1e-9)
    }))
    assert.throws(() => scoreAtConfidence(state, 1), { code: 'invalid' })
  })

  it('refuses what would make up a confidence', () => {
    assert.throws(() => fitCalibration(exponential(49)), { code: 'insufficient_data' })
    assert.throws(() => fitCalibration(new Array<number>(100).fill(3)), /does not vary/)
    assert.throws(() => fitCalibration([...exponential(100), NaN]), { code: 'invalid' })
    assert.ok(Number.isNaN(createCalibrator(fitCalibration(exponential(100)))(NaN).confidence))
  })
})
