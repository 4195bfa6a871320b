import { z } from 'zod'
import { demand, type Actor } from '../domain/access/rights.ts'
import { slugSchema } from '../domain/contract/primitives.ts'
import { refuse } from '../domain/errors.ts'
import { recordAudit } from '../store/audit.ts'
import { pausableKinds, setPaused } from '../store/operations.ts'
import { inSite } from '../store/transaction.ts'
import { signalWorkflow, workflowCalls } from '../store/workflow-calls.ts'
import type { ServiceContext } from './context.ts'

export const pauseOperationInput = z.object({ site: slugSchema, operation: z.uuid() })
export type PauseOperationInput = z.infer<typeof pauseOperationInput>

/**
 * Has an operation wait after the step it is in, until it is resumed: for days if need be, whatever restarts meanwhile. Asked
 * twice, it waits once. Refuses (`not_found`) an unknown one, and (`conflict`) one that has ended, is being cancelled, or is
 * of a kind that cannot wait.
 */
export const pauseOperation = (ctx: ServiceContext, actor: Actor, input: PauseOperationInput): Promise<void> => change(ctx, actor, input, true)

/** Has it go on where it waited. One that does not wait stays as it is; else the same refusals. */
export const resumeOperation = (ctx: ServiceContext, actor: Actor, input: PauseOperationInput): Promise<void> => change(ctx, actor, input, false)

async function change(ctx: ServiceContext, actor: Actor, { site, operation }: PauseOperationInput, pause: boolean): Promise<void> {
  demand(actor, 'operation.pause', site)
  await inSite(ctx.pool, site, async (tx) => {
    const outcome = await setPaused(tx, site, operation, pause ? { by: actor.id, nowUs: ctx.nowUs() } : null)
    if (!outcome) refuse('not_found', `site ${site} has no operation ${operation}`, { operation })
    const { kind, state, cancelling, changed, workflowId } = outcome
    const cannot = !pausableKinds.has(kind) ? `a ${kind} cannot wait in the middle; it can be cancelled (POST /v1/operations/${operation}/cancel)`
      : state !== 'pending' && state !== 'running' ? `operation ${operation} has ended: it ${state === 'cancelled' ? 'was cancelled' : state}`
        : cancelling ? `operation ${operation} is being cancelled` : null
    if (cannot !== null) refuse('conflict', cannot, { operation, state })
    if (!changed) return
    await signalWorkflow(tx, site, workflowId, workflowCalls.signals.operationChanged)
    await recordAudit(tx, { actor, verb: pause ? 'pause-operation' : 'resume-operation', subject: `operation/${operation}` })
  })
}
