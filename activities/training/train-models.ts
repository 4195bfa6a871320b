import { datasetManifestSchema, readDataset, valuesOfPart, type DatasetManifest, type DatasetRows } from '../../registry/artifacts/dataset.ts'
import { modelArtifactKey, modelArtifactType } from '../../registry/artifacts/model-object.ts'
import { refuse } from '../../registry/domain/errors.ts'
import { fitCalibration, type Calibration } from '../../registry/domain/scoring/calibration.ts'
import { findDataset } from '../../registry/store/datasets.ts'
import { reportProgress } from '../../registry/store/operations.ts'
import { inSite } from '../../registry/store/transaction.ts'
import type { FitProgress, FitResult, FittedModel } from '../models/fit-job.ts'
import { chooseModel, type Choice } from './choose.ts'
import type { TrainingDeps, TrainingRun } from './deps.ts'
import { evaluateModel, type ModelEvaluation } from './evaluate.ts'
import { startHeartbeat, type Liveness } from './heartbeat.ts'
import { modelCard } from './model-card.ts'
import { findRunReport, writeRunReport, type ReportReference, type RunReport } from './run-report.ts'

export interface TrainInput extends TrainingRun { readonly dataset: string }
export interface TrainResult { readonly report: ReportReference; readonly chosen: string; readonly because: string }

/** Within this an equivalent replay (another CPU or library) agrees: float32 sums in another order differ by far less. */
export const REPLAY_TOLERANCE = { relative: 1e-3, absolute: 1e-9 } as const
/** One seed for all: what differs between two models is their data. */
const SEED = 20_260_301
const MIN_CALIBRATION_ROWS = 20
const PROGRESS_EVERY_MS = 1_000

/**
 * Fits baseline and autoencoder in a forked process, calibrates both on rows neither has seen, judges both on rows
 * nothing has seen, chooses, and stores artifacts and report. A run that has its report is not trained again.
 */
export async function trainModels(deps: TrainingDeps, run: TrainInput): Promise<TrainResult> {
  const before = await findRunReport(deps.objects, run.family, run.operationId)
  if (before !== undefined) return { report: before.reference, chosen: before.report.chosen, because: before.report.because }

  const alive = startHeartbeat()
  try {
    const manifest = await manifestOf(deps, run)
    const rows = await readDataset(deps.objects, manifest)
    const fit = await deps.fit(
      { features: rows.features, train: valuesOfPart(rows, 'train'), score: rows.values, seed: SEED },
      { onProgress: progressTo(deps, run, alive), ...(alive.signal && { signal: alive.signal }) },
    )
    const report = await judge(deps, run, manifest, rows, fit)
    return { report: await writeRunReport(deps.objects, run.family, report), chosen: report.chosen, because: report.because }
  } finally {
    alive.stop()
  }
}

async function manifestOf(deps: TrainingDeps, run: TrainInput): Promise<DatasetManifest> {
  const dataset = await inSite(deps.pool, run.site, (tx) => findDataset(tx, run.dataset))
  if (dataset === undefined) return refuse('not_found', `site ${run.site} has no dataset ${run.dataset}`, { dataset: run.dataset })
  return datasetManifestSchema.parse(dataset.manifest)
}

function progressTo(deps: TrainingDeps, run: TrainInput, alive: Liveness): (progress: FitProgress) => void {
  let last = -Infinity
  return (progress) => {
    alive.progress({ ...progress })
    const now = performance.now()
    if (now - last < PROGRESS_EVERY_MS) return
    last = now
    // For people who watch; the next one comes soon, and the heartbeat has it too.
    inSite(deps.pool, run.site, (tx) => reportProgress(tx, run.operationId, { step: 'training', fit: progress })).catch(() => undefined)
  }
}

async function judge(deps: TrainingDeps, run: TrainInput, manifest: DatasetManifest, rows: DatasetRows, fit: FitResult): Promise<RunReport> {
  const judged = fit.models.map((model) => {
    const calibration = calibrate(model, rows)
    return { model, calibration, evaluation: evaluateModel(model.kind, calibration, model.scores, rows, manifest) }
  })
  const of = (kind: FittedModel['kind']) => (judged.find(({ model }) => model.kind === kind) as { evaluation: ModelEvaluation }).evaluation
  const choice = chooseModel({ pca: of('pca'), autoencoder: of('autoencoder') })
  const models: RunReport['models'] = []
  for (const { model, calibration, evaluation } of judged) {
    const artifactKey = modelArtifactKey(run.family, model.digest)
    if (!(await deps.objects.exists('models', artifactKey))) await deps.objects.put('models', artifactKey, model.bytes, modelArtifactType)
    models.push({
      kind: model.kind, digest: model.digest, artifactKey, calibration,
      metrics: metricsOf(model, calibration, evaluation, choice),
      card: modelCard({
        kind: model.kind, digest: model.digest, reason: run.reason, manifest, evaluation, calibrationRows: calibration.rows, choice, fit: model.facts,
        runtime: fit.runtime, tolerance: REPLAY_TOLERANCE,
      }),
    })
  }
  return {
    format: 1, run: run.operationId, dataset: run.dataset, chosen: choice.chosen, because: choice.because,
    runtime: plain({ ...fit.runtime, tolerance: REPLAY_TOLERANCE }), models,
  }
}

function calibrate({ scores }: FittedModel, rows: DatasetRows): Calibration {
  const heldOut = scores.filter((score, i) => rows.part[i] === 'calibration' && rows.excluded[i] === null && !Number.isNaN(score))
  return fitCalibration(heldOut, { minRows: MIN_CALIBRATION_ROWS })
}

function metricsOf(model: FittedModel, calibration: Calibration, evaluation: ModelEvaluation, choice: Choice): RunReport['models'][number]['metrics'] {
  return plain({
    evaluation, calibrationRows: calibration.rows, fit: model.facts,
    choice: { ...choice, isChosen: choice.chosen === model.kind },
  })
}

/** As JSON would have it: the report is read back as such. */
const plain = (value: object): RunReport['runtime'] => JSON.parse(JSON.stringify(value)) as RunReport['runtime']
