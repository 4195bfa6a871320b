import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { envelopeSpectrum, peakInBand } from '../../../../../registry/domain/features/spectrum.ts'
import { waveStatistics } from '../../../../../registry/domain/features/time-domain.ts'
import { ringing, vibration, type VibrationModel } from '../../../../../registry/domain/physics/bearing-signal.ts'
import { SYNTHETIC_DEFECT_HZ, SYNTHETIC_LENGTH, SYNTHETIC_RATE_HZ, syntheticBearing } from '../features/synthetic-bearing.ts'

const model: VibrationModel = {
  sampleRateHz: SYNTHETIC_RATE_HZ, shaftHz: 29.95, shaftHarmonics: [0.5, 0, 0, 0.2], resonanceHz: 3000, dampingPerS: 800, noise: 0,
  defects: [{ name: 'outer', frequencyHz: SYNTHETIC_DEFECT_HZ, severity: 1, amplitude: 1 }], seed: 1, name: 'de',
}

describe('bearing vibration', () => {
  it('is the closed formula of the golden signal, sample by sample: the recurrence does not drift', () => {
    const golden = syntheticBearing()
    const shaft = (t: number) => 0.5 * Math.sin(2 * Math.PI * 29.95 * t) + 0.2 * Math.sin(2 * Math.PI * 119.8 * t)
    const rung = ringing(model, 0, SYNTHETIC_LENGTH)
    const whole = vibration(model, 0, SYNTHETIC_LENGTH)
    golden.forEach((v, n) => {
      assert.ok(Math.abs((rung[n] ?? NaN) + shaft(n / SYNTHETIC_RATE_HZ) - v) < 1e-9)
      assert.ok(Math.abs((whole[n] ?? NaN) - v) < 1e-6)
    })
  })

  it('the deterministic part does not depend on where a recording starts', () => {
    const busy = { ...model, defects: [{ name: 'inner', frequencyHz: 162.2, severity: 0.7, amplitude: 2, loadZone: 0.8 }], slip: 0.02 }
    const whole = vibration(busy, 100, 4096)
    fc.assert(fc.property(fc.integer({ min: 1, max: 4000 }), (from) => {
      const part = vibration(busy, 100 + from / SYNTHETIC_RATE_HZ, 4096 - from)
      part.forEach((v, i) => assert.ok(Math.abs(v - (whole[from + i] ?? NaN)) < 1e-5))
    }), { numRuns: 20 })
  })

  it('noise belongs to the recording: the same again, another start another noise, of the given strength', () => {
    const noisy = { ...model, defects: [], shaftHarmonics: [], noise: 0.3 }
    assert.deepEqual(vibration(noisy, 5, 100), vibration(noisy, 5, 100))
    assert.notDeepEqual(vibration(noisy, 5, 100), vibration(noisy, 6, 100))
    assert.notDeepEqual(vibration(noisy, 5, 100), vibration({ ...noisy, name: 'nde' }, 5, 100))
    assert.ok(Math.abs(waveStatistics([vibration(noisy, 5, 50_000)]).std - 0.3) < 0.01)
  })

  it('shows its defect in the envelope, stronger with severity, through noise and slip', () => {
    const amplitude = (severity: number) => {
      const x = vibration({ ...model, noise: 0.1, slip: 0.01, defects: [{ name: 'o', frequencyHz: 107.3, severity, amplitude: 1 }] }, 50, 16384)
      return peakInBand(envelopeSpectrum(x, SYNTHETIC_RATE_HZ, 2000, 4000), 105, 110)?.amplitude ?? NaN
    }
    const levels = [0, 0.25, 0.5, 1].map(amplitude)
    levels.forEach((level, i) => assert.ok(i === 0 || level > 1.3 * (levels[i - 1] ?? NaN), levels.join(' ')))
  })
})
