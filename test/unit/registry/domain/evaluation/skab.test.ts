import assert from 'node:assert/strict'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { clockDependence, futureDependence, type Flagger } from '../../../../../registry/domain/evaluation/causality.ts'
import { evaluationReport } from '../../../../../registry/domain/evaluation/report.ts'
import { createPcaScorer, fitPca } from '../../../../../registry/domain/scoring/pca.ts'
import { fitStandardiser, standardise } from '../../../../../registry/domain/scoring/standardise.ts'

const dataDir = process.env['TWINWARD_TEST_DATA'] ?? join(import.meta.dirname, '../../../../../../shared/data')
const skab = join(dataDir, 'skab')
const skip = existsSync(skab) ? false : `no SKAB files at ${skab} (set TWINWARD_TEST_DATA)`
const TRAINING_ROWS = 400
const SENSORS = 8

interface Recording { training: number[][]; scored: number[][]; truth: number[] }

function recordings(): Recording[] {
  return ['other', 'valve1', 'valve2'].flatMap((folder) => readdirSync(join(skab, folder)).map((file) => {
    const [header = '', ...lines] = readFileSync(join(skab, folder, file), 'utf8').trim().split(/\r?\n/)
    const anomaly = header.split(';').indexOf('anomaly')
    const rows = lines.map((line) => line.split(';'))
    const sensors = rows.map((row) => row.slice(1, 1 + SENSORS).map(Number))
    return {
      training: sensors.slice(0, TRAINING_ROWS), scored: sensors.slice(TRAINING_ROWS),
      truth: rows.slice(TRAINING_ROWS).map((row) => Number(row[anomaly])),
    }
  }))
}

/** PCA fitted on a recording's first rows, without labels: a row is flagged when T² or Q passes its limit. */
function pcaFlagger({ training }: Recording): Flagger<number[]> {
  const rows = Float64Array.from(training.flat())
  const standardiser = fitStandardiser(Array.from({ length: SENSORS }, (_, i) => `s${i}`), rows)
  const state = fitPca(standardise(standardiser, rows).rows, SENSORS, { confidenceLevel: 0.99 })
  const score = createPcaScorer(state)
  return (scored) => {
    const { t2, q } = score(standardise(standardiser, Float64Array.from(scored.flat())).rows)
    return Array.from(t2, (value, i) => value > state.t2Limit || (q[i] ?? NaN) > state.qLimit)
  }
}

describe('PCA on the SKAB test bed', { skip }, () => {
  const all = skip === false ? recordings() : []

  it('beats an alarm that always sounds, does not beat a clock, and both published figures stand beside it', () => {
    const report = evaluationReport(
      { model: 'PCA T² or Q', data: 'SKAB' }, all.map((r) => ({ truth: r.truth, flags: pcaFlagger(r)(r.scored) })))
    const [always, clock] = report.nullModels
    assert.equal(report.data.recordings, 17)
    assert.equal(always?.f1?.toFixed(3), '0.705')
    assert.equal(clock?.f1?.toFixed(2), '0.94')
    assert.ok((report.model.f1 ?? 0) > 0.75 && (report.model.f1 ?? 1) < 0.85, `F1 ${report.model.f1}`)
    assert.equal(report.beatsNullModels, false)
  })

  it('is causal and reads no clock', () => {
    for (const recording of all.slice(0, 3)) {
      const flagger = pcaFlagger(recording)
      assert.deepEqual(futureDependence(flagger, recording.scored, [1, 60, 300]), [])
      assert.deepEqual(clockDependence(flagger, recording.scored, [1, 60, 300], 0), [])
    }
  })
})
