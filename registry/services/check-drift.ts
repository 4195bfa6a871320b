import { z } from 'zod'
import { demand, type Actor } from '../domain/access/rights.ts'
import { slugSchema } from '../domain/contract/primitives.ts'
import { refuse } from '../domain/errors.ts'
import { recordAudit } from '../store/audit.ts'
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
    if (await championOf(tx, family) === undefined) {
      refuse('unprocessable', `no champion is in force for family ${family}, so there is no reference to compare with; promote a release first`, { family })
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
