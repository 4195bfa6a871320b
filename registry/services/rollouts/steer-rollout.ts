import { z } from 'zod'
import { demand, type Actor } from '../../domain/access/rights.ts'
import { slugSchema } from '../../domain/contract/primitives.ts'
import { DomainError, refuse } from '../../domain/errors.ts'
import { rolloutStages, type RolloutStage } from '../../domain/rollout/plan.ts'
import { stepRollout, type RolloutAction, type RolloutState } from '../../domain/rollout/rollout.ts'
import { lockSeat } from '../../store/assignments.ts'
import { lockRollout, readRollout, rolloutStoppedBy, seatOfRollout } from '../../store/rollouts.ts'
import { inSite } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'
import { rescoreAfter } from './rescore-judged.ts'
import { changeRollout } from './rollout-change.ts'

const one = { site: slugSchema, rollout: z.uuid() }
const reason = z.string().trim().min(1).max(2000)

export const stopRolloutInput = z.object({
  ...one, reason,
  rescore: z.boolean().optional().describe('Have the windows it judged judged anew by what judges then; absent: as its plan says'),
  requestId: z.string().min(1).max(200).describe('The same id does it once, however often it is sent'),
})
export type StopRolloutInput = z.infer<typeof stopRolloutInput>
export const advanceRolloutInput = z.object({ ...one, reason, from: z.enum(rolloutStages).describe('The stage that is to end: where it is further by now, nothing is done') })
export type AdvanceRolloutInput = z.infer<typeof advanceRolloutInput>

export interface Steered {
  readonly rollout: string
  readonly state: RolloutState
  readonly stage: RolloutStage
  /** What was assigned again because the release had judged all; null: nothing had to be. */
  readonly back: { readonly assignment: string; readonly release: string } | null
  /** The operation that judges anew what the release judged; null: none. */
  readonly rescore: string | null
  /** It was so before. */
  readonly repeated: boolean
}

/**
 * Takes a release back at any stage, at once: what it judged is judged by what was there before. One idempotent call, that needs
 * no workflow. Where it or the plan wants that, the windows it judged are judged anew, asked for in the same transaction. Refuses
 * (`conflict`) a rollout that has ended otherwise.
 */
export async function stopRollout(ctx: Pick<ServiceContext, 'pool' | 'nowUs'>, actor: Actor, input: StopRolloutInput): Promise<Steered> {
  demand(actor, 'rollout.steer', input.site)
  if (input.rescore === true) demand(actor, 'score.rescore', input.site)
  return steer(ctx, actor, input, { kind: 'stop', by: actor.id, reason: input.reason }, input.requestId)
}

/** Says that the next stage may begin, where the plan leaves it to people. Refuses (`conflict`) a stage that is not through, (`stale_state`) another stage than it is at. */
export async function advanceRollout(ctx: Pick<ServiceContext, 'pool' | 'nowUs'>, actor: Actor, input: AdvanceRolloutInput): Promise<Steered> {
  demand(actor, 'rollout.steer', input.site)
  return steer(ctx, actor, input, { kind: 'advance', by: actor.id, from: input.from }, null)
}

async function steer(
  ctx: Pick<ServiceContext, 'pool' | 'nowUs'>, actor: Actor, input: { site: string; rollout: string; reason: string; rescore?: boolean | undefined }, action: RolloutAction, requestId: string | null,
): Promise<Steered> {
  return inSite(ctx.pool, input.site, async (tx) => {
    const seen = await readRollout(tx, input.rollout)
    await lockSeat(tx, seatOfRollout(seen))
    const row = await lockRollout(tx, input.rollout)
    const used = requestId === null ? null : await rolloutStoppedBy(tx, input.site, requestId)
    if (used !== null) {
      if (used.rolloutId !== row.rolloutId) refuse('idempotency_conflict', `request ${requestId ?? ''} stopped rollout ${used.rolloutId}; send a new id`, { requestId })
      const rescore = await rescoreAfter(tx, row.rolloutId)
      if (input.rescore === true && rescore === null && row.stage !== 'shadow') {
        refuse('idempotency_conflict', `request ${requestId ?? ''} stopped it without a rescore; ask for that by itself (POST /v1/operations, kind rescore)`, { requestId })
      }
      return { rollout: row.rolloutId, state: row.state, stage: row.stage, back: null, rescore, repeated: true }
    }
    const nowUs = ctx.nowUs()
    const result = stepRollout(row, action, nowUs)
    if (!result.ok) throw new DomainError(result.code, result.message, { rollout: row.rolloutId, state: row.state, stage: row.stage })
    const { back, rescore } = result.change === null ? { back: null, rescore: null } : await changeRollout(tx, row, result.rollout, result.change, {
      actor, reason: input.reason, nowUs, ...(requestId !== null && { stopRequest: requestId }), ...(input.rescore !== undefined && { rescore: input.rescore }),
    })
    return { rollout: row.rolloutId, state: result.rollout.state, stage: result.rollout.stage, back, rescore, repeated: result.change === null }
  })
}
