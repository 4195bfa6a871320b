import { platformActor, type Actor } from '../../domain/access/rights.ts'
import type { Gate } from '../../domain/gates/gate.ts'
import { assignmentByRequest, currentAssignment, standingFormer, type Seat } from '../../store/assignments.ts'
import type { GateRow, ReleaseGate } from '../../store/gates.ts'
import type { Tx } from '../../store/transaction.ts'
import { beginRollout } from '../rollouts/begin-rollout.ts'
import { stopRolloutOfGate, supersedeRollout } from '../rollouts/rollout-change.ts'
import { assignFormer } from './former-release.ts'
import type { HeldGate } from './gate-action.ts'
import { changeGovernance } from './governance-effect.ts'
import { letIn, letInRequest } from './let-in.ts'

/** What an approval puts in force, in the transaction that approves: the switch, its ledger row, its event; or the first stage of its rollout. */
export async function putInForce(tx: Tx, held: HeldGate, after: Gate, nowUs: number): Promise<void> {
  if (held.seat === null) return changeGovernance(tx, held.row, after, nowUs)
  if (held.row.rollout !== null) return beginRollout(tx, held.row, held.row.rollout, after, nowUs)
  await supersedeRollout(tx, held.seat, { actor: platformActor('gates'), reason: `gate ${held.row.gateId} put another release in force`, nowUs })
  await letIn(tx, held, after, nowUs)
}

/** The assignment that the gate made, if it did. */
export async function effectOf(tx: Tx, row: Pick<GateRow, 'site' | 'gateId'>): Promise<string | null> {
  return (await assignmentByRequest(tx, row.site, letInRequest(row)))?.assignmentId ?? null
}

export interface TakenBack { readonly rolledBack: { readonly assignment: string; readonly release: string } | null; readonly note: string }

/**
 * Puts back what was in force before what the gate let in, passing over what other reviews rejected; unless another release is
 * in force by now, or there was none before. Says which.
 */
export async function takeBack(tx: Tx, { row, seat }: { row: ReleaseGate; seat: Seat }, by: { actor: Actor; reason: string; nowUs: number }): Promise<TakenBack> {
  const stopped = await stopRolloutOfGate(tx, row.gateId, by)
  if (stopped !== null) return { rolledBack: stopped.back, note: `its rollout is stopped at ${stopped.stage}${stopped.back === null ? '' : `: rolled back to ${stopped.back.release}`}` }
  const current = await currentAssignment(tx, seat)
  // Also where a roll back put it in force once more: what the review rejects is that it judges at all.
  if (current?.letInBy?.gate !== row.gateId) {
    return { rolledBack: null, note: `nothing is rolled back: ${current?.release ?? 'nothing'} is ${row.role} by now, by another decision` }
  }
  const former = await standingFormer(tx, seat, current)
  if (former === null) {
    return { rolledBack: null, note: `${current.release} goes on judging: nothing was ${row.role} before it, so there is nothing to go back to; ask for another release to be put in force` }
  }
  const { assignmentId } = await assignFormer(tx, { seat, current, former, actor: by.actor, reason: by.reason, requestId: `${letInRequest(row)}:review`, nowUs: by.nowUs })
  return { rolledBack: { assignment: assignmentId, release: former.release }, note: `rolled back to ${former.release}` }
}
