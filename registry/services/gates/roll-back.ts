import { z } from 'zod'
import { demand, type Actor } from '../../domain/access/rights.ts'
import { slugSchema } from '../../domain/contract/primitives.ts'
import { microsToIso } from '../../domain/contract/time.ts'
import { refuse } from '../../domain/errors.ts'
import { assignmentByRequest, currentAssignment, formerAssignment, gateOfAssignment, lockSeat, type Assignment, type Seat } from '../../store/assignments.ts'
import { recordAudit } from '../../store/audit.ts'
import { getFamily } from '../../store/families.ts'
import { rescoreByRequest } from '../../store/rescores.ts'
import { judgedSince, runningRollout } from '../../store/rollouts.ts'
import { inSite, type Tx } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'
import { enterRescore, scopeOfSeat } from '../rescore/start-rescore.ts'
import { sameScope, supersedeRollout } from '../rollouts/rollout-change.ts'
import { assignFormer } from './former-release.ts'
import { scopeSchema } from './request-promotion.ts'

export const rollBackInput = z.object({
  site: slugSchema,
  family: slugSchema,
  scope: scopeSchema.optional().describe('Absent: the whole family'),
  to: z.string().min(1).max(200).optional().describe('A release that was champion before; absent: the one just before'),
  reason: z.string().min(1).max(2000),
  rescore: z.boolean().default(false).describe('Have the windows judged anew that ended since the release that goes first judged, its canary included'),
  requestId: z.string().min(1).max(200).describe('The same id does it once, however often it is sent'),
})
export type RollBackInput = z.input<typeof rollBackInput>

export interface RolledBack {
  readonly assignment: string
  readonly release: string
  readonly replaced: string | null
  readonly since: string
  /** The operation that judges the affected time anew; null: it was not asked for. */
  readonly rescore: string | null
  readonly repeated: boolean
}

/**
 * A release that only casts its shadow, or judges a slice, is taken back by stopping its rollout: to go back here would leave it
 * there and take away the champion that it is compared with.
 */
async function endRolloutFirst(tx: Tx, seat: Seat, actor: Actor, reason: string, nowUs: number): Promise<void> {
  const running = await runningRollout(tx, seat)
  if (running !== null && running.stage !== 'champion' && sameScope(running.scope, seat.scope)) {
    refuse('conflict', `${running.release} is on its way into force (${running.stage}): stop that to take it back (POST /v1/rollouts/${running.rolloutId}/stop); then ${seat.family} can be rolled back further`, {
      rollout: running.rolloutId,
    })
  }
  await supersedeRollout(tx, seat, { actor, reason: `rolled back: ${reason}`, nowUs })
}

/**
 * Assigns the former champion again, at once and without a gate: it was approved before. Rolling back a roll back puts
 * the newer release in force again. With `rescore`, the windows of its machines that ended since the release that goes first
 * judged one of them are judged anew, under the same reason: asked for in the same transaction. Refuses (`not_found`) an unknown family and (`conflict`) when there is
 * nothing to go back to, or only what was let in by an emergency whose review rejected it, or a rollout is on its way.
 */
export async function rollBack(ctx: ServiceContext, actor: Actor, input: RollBackInput): Promise<RolledBack> {
  demand(actor, 'release.roll-back', input.site)
  if (input.rescore) demand(actor, 'score.rescore', input.site)
  const { site, family, requestId } = input
  const seat: Seat = { site, family, role: 'champion', scope: input.scope ?? { kind: 'family', id: family } }
  return inSite(ctx.pool, site, async (tx) => {
    await lockSeat(tx, seat)
    const done = await assignmentByRequest(tx, site, requestId)
    if (done) {
      if (done.family !== family) refuse('idempotency_conflict', `request ${requestId} was used for family ${done.family}; send a new id`, { requestId })
      const rescore = (await rescoreByRequest(tx, rescoreRequest(done.assignmentId)))?.operationId ?? null
      if (input.rescore && rescore === null) {
        refuse('idempotency_conflict', `request ${requestId} rolled back without a rescore; ask for that by itself (POST /v1/operations, kind rescore)`, { requestId })
      }
      return { assignment: done.assignmentId, release: done.release, replaced: null, since: microsToIso(done.fromUs), rescore, repeated: true }
    }
    await getFamily(tx, site, family)
    const current = await currentAssignment(tx, seat)
    const former = await formerAssignment(tx, seat, input.to)
    if (!current || !former) {
      return refuse('conflict', input.to === undefined
        ? current ? `${nameOf(seat)} has no former champion to go back to: ${current.release} is its first` : `${nameOf(seat)} has no champion of its own yet, so there is none to go back to`
        : `${input.to} was never champion of ${nameOf(seat)}; ask for its promotion instead`, { family })
    }
    const sinceUs = await judgingSince(tx, current)
    await endRolloutFirst(tx, seat, actor, input.reason, ctx.nowUs())
    if (former.releaseRef === current.releaseRef) refuse('conflict', `${current.release} is champion of ${nameOf(seat)} already`, { release: current.release })
    const { letInBy } = former
    if (letInBy?.review === 'rejected') {
      refuse('conflict', `${former.release} was let in by an emergency approval, and its review rejected that (${letInBy.because ?? 'without a reason'}; gate ${letInBy.gate}): `
        + 'a roll back does not put it in force again. Name a release that was champion before it (to), or ask for its promotion (POST /v1/gates), which the normal approvers decide', {
        release: former.release, gate: letInBy.gate,
      })
    }
    const { assignmentId, atUs, body } = await assignFormer(tx, { seat, current, former, actor, reason: input.reason, requestId, nowUs: ctx.nowUs() })
    await recordAudit(tx, { actor, verb: 'roll-back', subject: `family/${family}`, detail: body })
    const rescore = input.rescore ? await rescoreAffected(tx, actor, { seat, assignmentId, afterUs: sinceUs, throughUs: atUs, reason: input.reason }) : null
    return { assignment: assignmentId, release: former.release, replaced: current.release, since: microsToIso(atUs), rescore, repeated: false }
  })
}

/** Since when a release has judged in the scope without a break: from its canary on, where it came by a rollout. */
async function judgingSince(tx: Tx, { assignmentId, fromUs }: Assignment): Promise<number> {
  const gate = await gateOfAssignment(tx, assignmentId)
  return gate === null ? fromUs : Math.min(fromUs, await judgedSince(tx, gate) ?? fromUs)
}

/** One for each roll back. */
const rescoreRequest = (assignmentId: string): string => `roll-back/${assignmentId}`

/** Windows that ended since the release which goes first judged a machine of the scope, of the machines that the assignment judges from now on. */
async function rescoreAffected(
  tx: Tx, actor: Actor, { seat, assignmentId, afterUs, throughUs, reason }: { seat: Seat; assignmentId: string; afterUs: number; throughUs: number; reason: string },
): Promise<string> {
  const { operationId } = await enterRescore(tx, actor, {
    scope: scopeOfSeat(seat),
    afterUs, throughUs, named: null, reason, assignmentId, requestId: rescoreRequest(assignmentId), nowUs: throughUs,
  })
  return operationId
}

const nameOf = ({ family, scope: { kind, id } }: Seat): string => (kind === 'family' ? family : `${kind} ${id} of ${family}`)
