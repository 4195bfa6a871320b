import { z } from 'zod'
import type { ObjectStore } from '../../registry/artifacts/object-store.ts'
import { canonicalJson, sha256Hex } from '../../registry/domain/canonical.ts'
import { calibrationSchema } from '../../registry/domain/scoring/calibration.ts'
import { modelKinds } from '../../registry/domain/models/model.ts'

const plainJson = z.record(z.string(), z.json())

/** What one training run made, before it is registered: too large for a workflow's payload, so it lies beside the models. */
export const runReportSchema = z.object({
  format: z.literal(1),
  run: z.string(),
  dataset: z.string(),
  chosen: z.enum(modelKinds),
  because: z.string(),
  runtime: plainJson,
  models: z.array(z.object({
    kind: z.enum(modelKinds),
    digest: z.string(),
    artifactKey: z.string(),
    metrics: plainJson,
    calibration: calibrationSchema,
    card: z.string(),
  })),
})
export type RunReport = z.infer<typeof runReportSchema>

export interface ReportReference { readonly key: string; readonly sha256: string }

const keyOf = (family: string, run: string): string => `${family}/runs/${run}.json`

export async function writeRunReport(objects: ObjectStore, family: string, report: RunReport): Promise<ReportReference> {
  const text = canonicalJson(report)
  const key = keyOf(family, report.run)
  await objects.put('models', key, Buffer.from(text, 'utf8'), 'application/json')
  return { key, sha256: sha256Hex(text) }
}

/** Refuses (`digest_mismatch`) other bytes than those referred to. */
export async function readRunReport(objects: ObjectStore, { key, sha256 }: ReportReference): Promise<RunReport> {
  return runReportSchema.parse(JSON.parse(Buffer.from(await objects.get('models', key, sha256)).toString('utf8')))
}

/** The report of a run that got so far before, or undefined. */
export async function findRunReport(objects: ObjectStore, family: string, run: string): Promise<{ report: RunReport; reference: ReportReference } | undefined> {
  const key = keyOf(family, run)
  if (!(await objects.exists('models', key))) return undefined
  const text = Buffer.from(await objects.get('models', key)).toString('utf8')
  return { report: runReportSchema.parse(JSON.parse(text)), reference: { key, sha256: sha256Hex(text) } }
}
