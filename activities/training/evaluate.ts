import type { DatasetManifest, DatasetRows } from '../../registry/artifacts/dataset.ts'
import { episodesFromFlags, leadTimeReport, type LeadTimeReport } from '../../registry/domain/evaluation/lead-time.ts'
import { evaluationReport, type EvaluatedRecording, type EvaluationReport } from '../../registry/domain/evaluation/report.ts'
import { createCalibrator, type Calibration } from '../../registry/domain/scoring/calibration.ts'
import { sortedQuantile } from '../../registry/domain/scoring/distributions.ts'

/** A window is flagged from this confidence on: 1 in 100 normal ones by design. Policies choose their own level. */
export const FLAG_CONFIDENCE = 0.99
/** So many flagged windows in a row count as an alert for the lead time: a single one is no alert in any policy. */
const SUSTAINED = 3
const FAULTY = new Set(['label:faulty', 'maintenance:failure'])

export interface ModelEvaluation {
  readonly flagConfidence: number
  /** Rows that no fit and no calibration has seen: normal windows of the test part, and windows known to be faulty. */
  readonly windows: EvaluationReport
  readonly normalRows: number
  readonly faultyRows: number
  readonly falseAlarmRate: number | null
  /** Of the raw score on held-out normal windows. */
  readonly scores: { median: number; p90: number; p99: number; max: number } | null
  /** Where failures were recorded in the test period. */
  readonly leadTime: Omit<LeadTimeReport, 'outcomes'> | null
}

/** Judges one model by its scores of all rows of a dataset. Pure. */
export function evaluateModel(
  kind: string, calibration: Calibration, scores: Float64Array, rows: DatasetRows, manifest: Pick<DatasetManifest, 'failures' | 'digest'>,
): ModelEvaluation {
  const calibrate = createCalibrator(calibration)
  const flagged = Array.from(scores, (score) => calibrate(score).confidence >= FLAG_CONFIDENCE)
  const byAsset = new Map<string, { flags: boolean[]; truth: boolean[] }>()
  const normalScores: number[] = []
  rows.asset.forEach((asset, i) => {
    const excluded = rows.excluded[i] ?? null
    const faulty = excluded !== null && FAULTY.has(excluded)
    const normal = excluded === null && rows.part[i] === 'test'
    if ((!faulty && !normal) || Number.isNaN(scores[i])) return
    const recording = byAsset.get(asset) ?? { flags: [], truth: [] }
    byAsset.set(asset, recording)
    recording.flags.push(flagged[i] as boolean)
    recording.truth.push(faulty)
    if (normal) normalScores.push(scores[i] as number)
  })
  const recordings: EvaluatedRecording[] = [...byAsset.values()]
  const windows = evaluationReport({ model: kind, data: `dataset ${manifest.digest.slice(0, 12)}, held-out windows` }, recordings)
  return {
    flagConfidence: FLAG_CONFIDENCE,
    windows,
    normalRows: windows.model.fp + windows.model.tn,
    faultyRows: windows.data.anomalousRows,
    falseAlarmRate: windows.model.far,
    scores: spread(normalScores),
    leadTime: leadTimes(rows, flagged, manifest.failures),
  }
}

function spread(scores: number[]): ModelEvaluation['scores'] {
  if (scores.length === 0) return null
  const sorted = scores.sort((a, b) => a - b)
  return {
    median: sortedQuantile(sorted, 0.5), p90: sortedQuantile(sorted, 0.9), p99: sortedQuantile(sorted, 0.99), max: sorted.at(-1) as number,
  }
}

/** Alerts of the test period against the failures recorded in it; null without failures. */
function leadTimes(rows: DatasetRows, flagged: readonly boolean[], failures: DatasetManifest['failures']): ModelEvaluation['leadTime'] {
  const observed = new Map<string, { asset: string; fromUs: number; toUs: number }>()
  const inARow = new Map<string, number>()
  const alerts: { asset: string; atUs: number }[] = []
  rows.asset.forEach((asset, i) => {
    if (rows.part[i] !== 'test') return
    const endUs = rows.endUs[i] as number
    const span = observed.get(asset)
    if (span) span.toUs = endUs
    else observed.set(asset, { asset, fromUs: endUs, toUs: endUs })
    const run = flagged[i] ? (inARow.get(asset) ?? 0) + 1 : 0
    inARow.set(asset, run)
    if (run >= SUSTAINED) alerts.push({ asset, atUs: endUs })
  })
  const watched = failures.filter(({ asset, atUs }) => {
    const span = observed.get(asset)
    return span !== undefined && atUs >= span.fromUs && atUs <= span.toUs
  })
  if (watched.length === 0) return null
  const episodes = episodesFromFlags(alerts, watched, 168 * 3_600_000_000)
  const { outcomes: _, ...report } = leadTimeReport(episodes, watched, [...observed.values()])
  return report
}
