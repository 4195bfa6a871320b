/**
 * How well the platform's two models find the faults of SKAB (17 labelled experiments of a water-circulation pump), by
 * the set's protocol: per file the first 400 rows train, the rest is judged row by row, confusion is pooled over the
 * files. Beside it the null models, and whether a flag looked ahead or read the clock.
 * `node --import tsx infra/bench/skab.ts [FOLDER] [--json]`
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse } from 'csv-parse/sync'
import { fitAutoencoder } from '../../activities/models/fit-autoencoder.ts'
import { createTensorflowModel } from '../../activities/models/tensorflow-network.ts'
import type { Model } from '../../registry/domain/models/model.ts'
import { createPcaModel, fitPcaModel } from '../../registry/domain/models/pca-model.ts'
import { clockDependence, futureDependence } from '../../registry/domain/evaluation/causality.ts'
import { evaluationReport, type EvaluatedRecording, type EvaluationReport } from '../../registry/domain/evaluation/report.ts'
import { createCalibrator, fitCalibration } from '../../registry/domain/scoring/calibration.ts'

const TRAINING_ROWS = 400
/** Of those, the newest calibrate: a threshold from rows the model was fitted to would be too low. */
const CALIBRATION_ROWS = 100
const FLAG_CONFIDENCE = 0.99
const CUTS = [1, 37, 200]

interface Recording { name: string; sensors: string[]; rows: Float64Array[]; truth: boolean[] }

/** Every labelled file under the folder; the anomaly-free one has no labels to judge by. */
function readRecordings(folder: string): Recording[] {
  return ['valve1', 'valve2', 'other'].flatMap((group) => readdirSync(path.join(folder, group)).filter((f) => f.endsWith('.csv')).sort().map((file) => {
    const [header, ...lines] = parse(readFileSync(path.join(folder, group, file)), { delimiter: ';' })
    const labels = ['datetime', 'anomaly', 'changepoint']
    const columns = (header ?? []).flatMap((name, at) => (labels.includes(name) ? [] : [at]))
    const anomaly = header?.indexOf('anomaly') ?? -1
    if (anomaly < 0) throw new Error(`${group}/${file} has no column "anomaly"`)
    return {
      name: `${group}/${file}`,
      sensors: columns.map((at) => header?.[at] ?? ''),
      rows: lines.map((line) => Float64Array.from(columns, (at) => Number(line[at]))),
      truth: lines.map((line) => Number(line[anomaly]) === 1),
    }
  }))
}

const flat = (rows: readonly Float64Array[]): Float64Array => {
  const width = rows[0]?.length ?? 0
  const out = new Float64Array(rows.length * width)
  rows.forEach((row, i) => out.set(row, i * width))
  return out
}

type Fit = (sensors: string[], rows: Float64Array) => Promise<Model>
const fits: Record<string, Fit> = {
  'PCA T² + Q': async (sensors, rows) => createPcaModel(fitPcaModel(sensors, rows)),
  'dense autoencoder': async (sensors, rows) => createTensorflowModel(await fitAutoencoder(sensors, rows)),
}

async function judge(name: string, fit: Fit, recordings: readonly Recording[], log: (line: string) => void): Promise<EvaluationReport> {
  const judged: EvaluatedRecording[] = []
  const checks: Required<Parameters<typeof evaluationReport>[2]> = { futureDependence: [], clockDependence: [] }
  for (const [at, { name: file, sensors, rows, truth }] of recordings.entries()) {
    const fitted = TRAINING_ROWS - CALIBRATION_ROWS
    const model = await fit(sensors, flat(rows.slice(0, fitted)))
    const heldOut = model.scoreRows(flat(rows.slice(fitted, TRAINING_ROWS)), CALIBRATION_ROWS).scores
    const calibrate = createCalibrator(fitCalibration(heldOut))
    const flagger = (part: readonly Float64Array[]) =>
      Array.from(model.scoreRows(flat(part), part.length).scores, (score) => calibrate(score).confidence >= FLAG_CONFIDENCE)
    const scored = rows.slice(TRAINING_ROWS)
    judged.push({ flags: flagger(scored), truth: truth.slice(TRAINING_ROWS) })
    checks.futureDependence?.push(...futureDependence(flagger, scored, CUTS))
    checks.clockDependence?.push(...clockDependence(flagger, scored, CUTS, 0))
    model.dispose()
    log(`${name}: ${at + 1}/${recordings.length} ${file}`)
  }
  return evaluationReport({ model: name, data: 'SKAB' }, judged, checks)
}

const rate = (value: number | null): string => (value === null ? '–' : (value * 100).toFixed(1)).padStart(7)

async function main(): Promise<void> {
  const json = process.argv.includes('--json')
  const given = process.argv.slice(2).find((arg) => !arg.startsWith('--'))
  const data = process.env['TWINWARD_TEST_DATA'] ?? fileURLToPath(new URL('../../../shared/data', import.meta.url))
  const folder = given ?? path.join(data, 'skab')
  if (!existsSync(folder)) throw new Error(`There is no SKAB data in ${folder}. Name its folder, with valve1, valve2 and other in it.`)
  const recordings = readRecordings(folder)
  const reports: EvaluationReport[] = []
  for (const [name, fit] of Object.entries(fits)) {
    reports.push(await judge(name, fit, recordings, (line) => { process.stderr.write(`${line}\n`) }))
  }
  const [first] = reports
  process.stdout.write(`${recordings.length} files, ${first?.data.rows ?? 0} rows judged, ${first?.data.anomalousRows ?? 0} of them anomalous; flagged from confidence ${FLAG_CONFIDENCE} on\n`)
  process.stdout.write(`${'detector'.padEnd(36)}${['F1 %', 'FAR %', 'MAR %'].map((h) => h.padStart(7)).join('')}\n`)
  for (const { name, f1, far, mar } of [...reports.map((r) => r.model), ...(first?.nullModels ?? [])]) {
    process.stdout.write(`${name.padEnd(36)}${rate(f1)}${rate(far)}${rate(mar)}\n`)
  }
  for (const { model, futureDependence: ahead, clockDependence: clock } of reports) {
    process.stdout.write(`${model.name}: flags that look ahead ${ahead?.length ?? 0}, that read the clock ${clock?.length ?? 0}\n`)
  }
  if (json) process.stdout.write(`${JSON.stringify({ skab: reports })}\n`)
}

try {
  await main()
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
