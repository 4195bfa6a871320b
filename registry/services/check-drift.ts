import { z } from 'zod'
import { demand, type Actor } from '../domain/access/rights.ts'
import { slugSchema } from '../domain/contract/primitives.ts'
import { otherSitesOf } from '../domain/datasets/other-sites.ts'
import { refuse } from '../domain/errors.ts'
import { recordAudit } from '../store/audit.ts'
import { findDataset } from '../store/datasets.ts'
import { championOf } from '../store/drift-reports.ts'
import { getFamily } from '../store/families.ts'
import { modelWorkflowCalls } from '../store/model-workflow-calls.ts'
import { createOperation } from '../store/operations.ts'
import { inSite } from '../store/transaction.ts'
import type { ServiceContext } from './context.ts'

export const checkDriftInput = z.object({
  site: slugSchema,
  family: slugSchema,
  mayRetrain: z.boolean().default(false).describe('Whether drift may start a retraining, if the family\'s settings allow it'),
})
const originSchema = z.object({ site: z.string(), family: z.string(), sites: z.array(z.object({ site: z.string() })).optional() })

export type CheckDriftRequest = z.infer<typeof checkDriftInput>

/**
 * Asks for a drift check now, besides the scheduled ones. Refuses (`not_found`) an unknown family and (`unprocessable`)
 * one without a champion, whose training data would be the reference.
 */
export async function checkDrift(ctx: ServiceContext, actor: Actor, input: CheckDriftRequest): Promise<{ operationId: string; workflowId: string }> {
  demand(actor, 'drift.check', input.site)
  const { site, family, mayRetrain } = input
  if (mayRetrain) demand(actor, 'model.train', site)
  return inSite(ctx.pool, site, async (tx) => {
    await getFamily(tx, site, family)
    const champion = await championOf(tx, family)
      ?? refuse('unprocessable', `no champion is in force for family ${family}, so there is no reference to compare with; promote a release first`, { family })
    if (mayRetrain) {
      const manifest = originSchema.safeParse((await findDataset(tx, champion.datasetId))?.manifest)
      // A retraining learns from the same sites again: whoever may start one must be allowed to read there.
      for (const other of manifest.success ? otherSitesOf(manifest.data, site, family) : []) demand(actor, 'read', other)
    }
    const operation = await createOperation(tx, {
      kind: 'check-drift', requestedBy: actor.id,
      workflowId: modelWorkflowCalls.drift.id,
      workflow: (operationId) => ({
        type: modelWorkflowCalls.drift.type, taskQueue: modelWorkflowCalls.drift.taskQueue,
        input: { site, operationId, family, requestedBy: actor.id, mayRetrain },
      }),
    })
    await recordAudit(tx, { actor, verb: 'check-drift', subject: `operation/${operation.operationId}`, detail: { family, mayRetrain } })
    return operation
  })
}
