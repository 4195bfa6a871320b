import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { chooseModel } from '../../../../activities/training/choose.ts'
import { evaluateModel } from '../../../../activities/training/evaluate.ts'
import type { DatasetRows } from '../../../../registry/artifacts/dataset.ts'
import type { Part } from '../../../../registry/domain/datasets/split.ts'
import { fitCalibration } from '../../../../registry/domain/scoring/calibration.ts'

const HOUR = 3_600_000_000
const calibration = fitCalibration(Float64Array.from({ length: 100 }, (_, i) => (i + 1) / 100))
const manifest = { digest: 'c'.repeat(64), failures: [] as { asset: string; atUs: number }[] }

/** Hourly windows of one asset: `parts` and `excluded` by row. */
function rowsOf(parts: Part[], excluded: (string | null)[] = parts.map(() => null)): DatasetRows {
  const n = parts.length
  const of = (f: (i: number) => number) => Float64Array.from({ length: n }, (_, i) => f(i))
  return {
    features: ['f'], asset: parts.map(() => 'pump-1'), startUs: of((i) => i * HOUR), endUs: of((i) => (i + 1) * HOUR), revision: of(() => 0),
    mode: parts.map(() => 'live'), goodFraction: of(() => 1), part: parts, excluded, values: new Float64Array(n),
  }
}

const fill = <T>(n: number, value: T) => new Array<T>(n).fill(value)
const [LOW, HIGH] = [0.5, 50]

describe('evaluation', () => {
  it('looks at no row that was trained or calibrated on, but at every faulty one', () => {
    const parts: Part[] = [...fill(10, 'train'), ...fill(10, 'calibration'), ...fill(10, 'test'), 'gap'] as Part[]
    const excluded = parts.map((_, i) => (i === 0 || i === 29 ? 'label:faulty' : i === 28 ? 'maintenance:stop' : null))
    const scores = Float64Array.from(parts, (_, i) => (i === 0 || i === 21 ? HIGH : LOW))
    const e = evaluateModel('pca', calibration, scores, rowsOf(parts, excluded), manifest)
    assert.deepEqual([e.windows.model.tp, e.windows.model.fn, e.windows.model.fp, e.windows.model.tn], [1, 1, 1, 7])
    assert.equal(e.falseAlarmRate, 1 / 8)
    assert.equal(e.windows.nullModels.length, 2)
    assert.equal(e.leadTime, null)
  })

  it('leaves out windows without a score', () => {
    const e = evaluateModel('pca', calibration, Float64Array.of(LOW, Number.NaN), rowsOf(['test', 'test']), manifest)
    assert.equal(e.normalRows, 1)
  })

  it('states the lead of a sustained alert before a failure in the test period', () => {
    const parts = fill<Part>(100, 'test')
    const scores = Float64Array.from(parts, (_, i) => (i >= 40 && i < 90 ? HIGH : LOW))
    const e = evaluateModel('pca', calibration, scores, rowsOf(parts), { ...manifest, failures: [{ asset: 'pump-1', atUs: 90 * HOUR }, { asset: 'pump-1', atUs: 900 * HOUR }] })
    assert.equal(e.leadTime?.failures, 1)
    assert.equal(e.leadTime?.caught, 1)
    assert.equal(e.leadTime?.leadHours?.median, 90 - 43)
  })
})

describe('choice', () => {
  const judge = (faulty: { hit: number; of: number }, normal: { flagged: number; of: number }) => {
    const parts = fill<Part>(faulty.of + normal.of, 'test')
    const excluded = parts.map((_, i) => (i < faulty.of ? 'label:faulty' : null))
    const scores = Float64Array.from(parts, (_, i) => (i < faulty.of ? (i < faulty.hit ? HIGH : LOW) : i - faulty.of < normal.flagged ? HIGH : LOW))
    return evaluateModel('m', calibration, scores, rowsOf(parts, excluded), manifest)
  }

  it('takes the neural model when its F1 is higher, and says why', () => {
    const choice = chooseModel({ pca: judge({ hit: 20, of: 40 }, { flagged: 2, of: 200 }), autoencoder: judge({ hit: 35, of: 40 }, { flagged: 2, of: 200 }) })
    assert.equal(choice.chosen, 'autoencoder')
    assert.equal(choice.criterion, 'f1')
    assert.match(choice.because, /autoencoder 0\.9\d+, PCA 0\.6\d+/)
  })

  it('keeps the baseline on a draw, and when neither beats a null model', () => {
    const draw = judge({ hit: 20, of: 40 }, { flagged: 2, of: 200 })
    assert.equal(chooseModel({ pca: draw, autoencoder: draw }).chosen, 'pca')
    // Nearly everything is faulty: always crying wolf is better than either.
    const better = judge({ hit: 10, of: 200 }, { flagged: 0, of: 5 })
    const worse = judge({ hit: 5, of: 200 }, { flagged: 0, of: 5 })
    assert.equal(chooseModel({ pca: worse, autoencoder: better }).chosen, 'pca')
  })

  it('without faults needs a false-alarm rate lower by more than its error', () => {
    const of = (flagged: number) => judge({ hit: 0, of: 0 }, { flagged, of: 400 })
    assert.equal(chooseModel({ pca: of(40), autoencoder: of(4) }).chosen, 'autoencoder')
    assert.equal(chooseModel({ pca: of(5), autoencoder: of(4) }).chosen, 'pca')
    assert.equal(chooseModel({ pca: of(0), autoencoder: of(0) }).criterion, 'false-alarm-rate')
  })

  it('without any held-out window keeps the baseline', () => {
    const none = judge({ hit: 0, of: 0 }, { flagged: 0, of: 0 })
    assert.equal(chooseModel({ pca: none, autoencoder: none }).chosen, 'pca')
  })
})
