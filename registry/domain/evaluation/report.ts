import { z } from 'zod'
import { confusionMetrics, confusionOf, pooled, type Confusion } from './confusion.ts'
import { nullModels } from './null-models.ts'

const rate = z.number().min(0).max(1).nullable()
const resultSchema = z.object({
  name: z.string(),
  tp: z.int(), fp: z.int(), fn: z.int(), tn: z.int(),
  f1: rate, far: rate, mar: rate,
}).meta({ id: 'DetectorResult' })

/**
 * What a model's evaluation says, as JSON beside the model. The null models stand in it by construction: a figure
 * without them says nothing.
 */
export const evaluationReportSchema = z.object({
  version: z.literal(1),
  data: z.object({ name: z.string(), recordings: z.int(), rows: z.int(), anomalousRows: z.int() }),
  model: resultSchema,
  nullModels: z.array(resultSchema),
  /** Whether the model's F1 is higher than every null model's; null where F1 does not exist. */
  beatsNullModels: z.boolean().nullable(),
  /** Empty when no flag looked ahead or read the clock; null when it was not checked. */
  futureDependence: z.array(z.object({ removed: z.int(), row: z.int() })).nullable(),
  clockDependence: z.array(z.object({ removed: z.int(), row: z.int() })).nullable(),
}).meta({ id: 'EvaluationReport' })
export type EvaluationReport = z.infer<typeof evaluationReportSchema>

export interface EvaluatedRecording {
  flags: ArrayLike<boolean | number>
  truth: ArrayLike<boolean | number>
}

/** Pools the recordings' confusion and puts the null models, judged on the same rows, beside the model. */
export function evaluationReport(
  name: { model: string; data: string }, recordings: readonly EvaluatedRecording[],
  checks: Partial<Pick<EvaluationReport, 'futureDependence' | 'clockDependence'>> = {},
): EvaluationReport {
  const judged = (label: string, flagsOf: (r: EvaluatedRecording) => ArrayLike<boolean | number>) =>
    result(label, pooled(recordings.map((r) => confusionOf(flagsOf(r), r.truth))))
  const model = judged(name.model, (r) => r.flags)
  const nulls = nullModels.map((nullModel) => judged(nullModel.name, (r) => nullModel.flags(r.truth.length)))
  const best = Math.max(...nulls.map((n) => n.f1 ?? 0))
  return {
    version: 1,
    data: {
      name: name.data, recordings: recordings.length, rows: model.tp + model.fp + model.fn + model.tn,
      anomalousRows: model.tp + model.fn,
    },
    model,
    nullModels: nulls,
    beatsNullModels: model.f1 === null ? null : model.f1 > best,
    futureDependence: checks.futureDependence ?? null,
    clockDependence: checks.clockDependence ?? null,
  }
}

function result(name: string, confusion: Confusion) {
  return { name, ...confusion, ...confusionMetrics(confusion) }
}
