import { z } from 'zod'
import { demand, type Actor } from '../domain/access/rights.ts'
import { slugSchema } from '../domain/contract/primitives.ts'
import { refuse } from '../domain/errors.ts'
import { recordAudit } from '../store/audit.ts'
import { requestCancel, type OperationState } from '../store/operations.ts'
import { inSite } from '../store/transaction.ts'
import type { ServiceContext } from './context.ts'

export const cancelOperationInput = z.object({ site: slugSchema, operation: z.uuid() })
export type CancelOperationInput = z.infer<typeof cancelOperationInput>

/** Asks an operation to stop; it ends as `cancelled` when its workflow has cleaned up. An ended one stays as it is. */
export async function cancelOperation(
  ctx: ServiceContext, actor: Actor, input: CancelOperationInput,
): Promise<{ operation: string; state: OperationState; cancelRequested: boolean }> {
  demand(actor, 'operation.cancel', input.site)
  return inSite(ctx.pool, input.site, async (tx) => {
    const outcome = await requestCancel(tx, input.site, input.operation, ctx.nowUs())
    if (!outcome) return refuse('not_found', `site ${input.site} has no operation ${input.operation}`, { operation: input.operation })
    if (outcome.first) await recordAudit(tx, { actor, verb: 'cancel-operation', subject: `operation/${input.operation}` })
    return { operation: input.operation, state: outcome.state, cancelRequested: outcome.requested }
  })
}
