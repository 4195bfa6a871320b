import { z } from 'zod'
import { demand, type Actor } from '../domain/access/rights.ts'
import { microsSchema, slugSchema } from '../domain/contract/primitives.ts'
import { refuse } from '../domain/errors.ts'
import { recordAudit } from '../store/audit.ts'
import { lockRetraining } from '../store/drift-reports.ts'
import { getFamily } from '../store/families.ts'
import { currentFeatureSet, findFeatureSetByDigest, type StoredFeatureSet } from '../store/feature-sets.ts'
import { modelWorkflowCalls } from '../store/model-workflow-calls.ts'
import { createOperation } from '../store/operations.ts'
import { familyAssets } from '../store/training-windows.ts'
import { inSite, type Tx } from '../store/transaction.ts'
import { announceTraining } from './announce-lineage.ts'
import type { ServiceContext } from './context.ts'

export const retrainModelInput = z.object({
  site: slugSchema,
  family: slugSchema,
  reason: z.string().min(1).max(2000).optional().describe('Why; default: requested by the actor'),
  fromUs: microsSchema.optional().describe('Event time of the windows used, from; default: as far back as there are windows'),
  toUs: microsSchema.optional().describe('… to (exclusive); default: now'),
  assets: z.array(slugSchema).min(1).max(10_000).nullable().default(null).describe('null = all of the family'),
  sites: z.array(slugSchema).max(100).default([]).describe('Other sites whose windows of the same family and feature set are learned from too'),
  promote: z.boolean().default(false).describe('Open a gate for the release when it is made'),
})
export type RetrainModelRequest = z.infer<typeof retrainModelInput>

/**
 * Asks for a new model of a family: the workflow `retrainModel` takes it from there, and the operation tells how it goes.
 * With other sites named, it learns from their machines too; that takes the right to read there. Refuses (`not_found`) an
 * unknown family or asset, (`unprocessable`) a family without a feature set, here or there, and (`invalid`) assets named
 * beside other sites, where an id could mean several machines.
 */
export async function retrainModel(ctx: ServiceContext, actor: Actor, input: RetrainModelRequest): Promise<{ operationId: string; workflowId: string }> {
  const { site, family } = input
  demand(actor, 'model.train', site)
  const sites = [...new Set(input.sites)].filter((other) => other !== site)
  for (const other of sites) demand(actor, 'read', other)
  if (sites.length > 0 && input.assets !== null) refuse('invalid', 'assets are named beside other sites; leave them out: of every site all machines of the family are learned from', { sites })
  const featureSet = await inSite(ctx.pool, site, async (tx) => {
    await getFamily(tx, site, family)
    return await currentFeatureSet(tx, family)
      ?? refuse('unprocessable', `family ${family} has no feature set, so it has no windows to learn from; register one first`, { family })
  })
  for (const other of sites) await inSite(ctx.pool, other, (tx) => sharedFeatureSet(tx, featureSet, site))
  return inSite(ctx.pool, site, async (tx) => {
    await checkAssets(tx, input)
    return startRetraining(tx, {
      actor, input: { ...input, sites, reason: input.reason ?? `requested by ${actor.id}` }, nowUs: ctx.nowUs(),
    })
  })
}

/** The operation and the start of its workflow, in the caller's transaction (drift asks for it in its own). */
export async function startRetraining(
  tx: Tx, { actor, input, nowUs }: { actor: Actor; input: RetrainModelRequest & { reason: string }; nowUs: number },
): Promise<{ operationId: string; workflowId: string }> {
  const { site, family, reason, promote, assets, sites } = input
  const [fromUs, toUs] = [input.fromUs ?? 0, input.toUs ?? nowUs]
  await lockRetraining(tx, site, family)
  if (toUs <= fromUs) refuse('invalid', `the time range is empty: it ends at ${toUs} µs, and begins at ${fromUs} µs`, { fromUs, toUs })
  const operation = await createOperation(tx, {
    kind: 'retrain-model', requestedBy: actor.id, site,
    workflowId: modelWorkflowCalls.retrain.id,
    workflow: (operationId) => ({
      type: modelWorkflowCalls.retrain.type, taskQueue: modelWorkflowCalls.retrain.taskQueue,
      input: { site, operationId, family, reason, requestedBy: actor.id, fromUs, toUs, assets, promote, sites },
    }),
  })
  await recordAudit(tx, {
    actor, verb: 'retrain-model', subject: `operation/${operation.operationId}`, site, detail: { family, reason, fromUs, toUs, assets, promote, sites },
  })
  await announceTraining(tx, site, operation.operationId)
  return operation
}

/** The same definition as another site has it. Refuses (`unprocessable`) a site that does not have it, saying how to give it to it. */
export async function sharedFeatureSet(tx: Tx, { family, digest, definition: { name, version } }: StoredFeatureSet, home: string): Promise<StoredFeatureSet> {
  return await findFeatureSetByDigest(tx, family, digest)
    ?? refuse('unprocessable', `site ${tx.site} has no windows of feature set ${name} v${version} as ${home} has it for family ${family}; `
      + `register the same definition there (POST /v1/feature-sets?site=${tx.site}), then its stored history is measured by it too`, { site: tx.site, family, featureSet: digest })
}

async function checkAssets(tx: Tx, { family, assets }: RetrainModelRequest): Promise<void> {
  if (assets === null) return
  const known = new Set((await familyAssets(tx, family, assets)).map((asset) => asset.assetId))
  const unknown = assets.filter((asset) => !known.has(asset))
  if (unknown.length > 0) refuse('not_found', `family ${family} has no asset ${unknown.slice(0, 5).join(', ')}`, { unknown: unknown.slice(0, 100) })
}
