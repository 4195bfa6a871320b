import { z } from 'zod'
import { demand, type Actor } from '../domain/access/rights.ts'
import { sha256Schema, slugSchema } from '../domain/contract/primitives.ts'
import { refuse } from '../domain/errors.ts'
import { calibrationSchema } from '../domain/scoring/calibration.ts'
import { recordAudit } from '../store/audit.ts'
import { findDataset } from '../store/datasets.ts'
import { appendLedger } from '../store/ledger.ts'
import { findModelVersionOfRun, insertModelVersion, lockRun, type StoredModelVersion } from '../store/model-versions.ts'
import { inSite, type Tx } from '../store/transaction.ts'
import type { ServiceContext } from './context.ts'

const plainJson = z.record(z.string(), z.json())

export const registerModelVersionInput = z.object({
  site: slugSchema,
  family: slugSchema,
  name: slugSchema.describe('Registered model; versions count up within it'),
  kind: z.string().min(1),
  artifactKey: z.string().min(1),
  digest: sha256Schema.describe('Of the artifact\'s bytes'),
  dataset: z.uuid(),
  metrics: plainJson,
  calibration: calibrationSchema,
  card: z.string().min(1).max(100_000).describe('Model card in Markdown'),
  runtime: plainJson.describe('Where it was trained, and the tolerance of an equivalent replay'),
  reason: z.string().min(1).max(2000),
  runId: z.string().min(1).max(200).describe('Training run: it registers a kind once'),
})
export type RegisterModelVersionInput = z.infer<typeof registerModelVersionInput>

/**
 * Registers a trained model as the next version of its name. Repeating a run gives the version it registered. Refuses
 * (`not_found`) an unknown dataset or missing artifact, (`digest_mismatch`) an artifact with other bytes, (`conflict`) a
 * run that registered another artifact before.
 */
export async function registerModelVersion(
  ctx: ServiceContext, actor: Actor, input: RegisterModelVersionInput,
): Promise<StoredModelVersion & { made: boolean }> {
  demand(actor, 'model.write', input.site)
  // Outside the transaction: a registered version whose bytes are not there could never score.
  await ctx.objects.get('models', input.artifactKey, input.digest)
  const { site, dataset: datasetId, ...draft } = input
  return inSite(ctx.pool, site, async (tx) => {
    await lockRun(tx, input.runId)
    const known = await findModelVersionOfRun(tx, input.runId, input.kind)
    if (known !== undefined) {
      if (known.digest === input.digest) return { ...known, made: false }
      refuse('conflict', `run ${input.runId} registered ${known.name} v${known.version} with another artifact; start a new run`, {
        run: input.runId, registered: known.digest, given: input.digest,
      })
    }
    const dataset = await findDataset(tx, datasetId)
    if (dataset === undefined || dataset.family !== input.family) {
      refuse('not_found', `family ${input.family} at site ${site} has no dataset ${datasetId}; take a snapshot first`, { dataset: datasetId })
    }
    const stored = await insertModelVersion(tx, { ...draft, datasetId, featureSetRef: dataset.featureSetRef, createdBy: actor.id, copiedFrom: null })
    await recordRegistration(tx, actor, 'register-model-version', stored, dataset.digest)
    return { ...stored, made: true }
  })
}

/** What audit and ledger keep of a new version, however it came to the site. */
export async function recordRegistration(tx: Tx, actor: Actor, verb: string, model: StoredModelVersion, datasetDigest: string): Promise<void> {
  const subject = `model/${model.name}/${model.version}`
  const facts = {
    kind: model.kind, digest: model.digest, dataset: model.datasetId, datasetDigest, reason: model.reason, run: model.runId,
    ...model.copiedFrom && { copiedFrom: { ...model.copiedFrom } },
  }
  await recordAudit(tx, { actor, verb, subject, detail: facts })
  await appendLedger(tx, { kind: 'model.registered', subject, actor, body: { family: model.family, ...facts } })
}
