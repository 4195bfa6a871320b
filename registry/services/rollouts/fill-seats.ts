import type { Actor } from '../../domain/access/rights.ts'
import type { RolloutSeats } from '../../domain/rollout/rollout.ts'
import { currentAssignment, formerAssignment, openAssignment, vacateSeat, type Seat } from '../../store/assignments.ts'
import { readParts, toMachine } from '../../store/gate-parts.ts'
import { readGate, releaseGate } from '../../store/gates.ts'
import { seatOfRollout, type RolloutRow } from '../../store/rollouts.ts'
import type { Tx } from '../../store/transaction.ts'
import { announceJudging } from '../announce-lineage.ts'
import { assignFormer } from '../gates/former-release.ts'
import { letIn } from '../gates/let-in.ts'

/** One assignment that a rollout made or ended, as ledger and events name it. */
export interface MovedSeat { readonly assignment: string; readonly role: string; readonly scope: string; readonly release: string; readonly now: 'in force' | 'ended' }

export interface FilledSeats {
  readonly moved: readonly MovedSeat[]
  /** The former champion judges all again. */
  readonly back: { readonly assignment: string; readonly release: string } | null
}

export interface FillingBy { readonly actor: Actor; readonly reason: string; readonly nowUs: number }

/** Nothing of a rollout is in force. */
export const noSeats: RolloutSeats = { champion: null, slice: false, shadow: null }

/**
 * Brings the assignments from what one state of a rollout wants to what another does, in the transaction that changes the state; the
 * caller holds the seat. What a rollout opens carries its gate, and only that it closes.
 */
export async function fillSeats(tx: Tx, rollout: Pick<RolloutRow, 'rolloutId' | 'site' | 'family' | 'scope' | 'releaseRef' | 'release' | 'former'>, from: RolloutSeats, to: RolloutSeats, by: FillingBy): Promise<FilledSeats> {
  const { rolloutId, former } = rollout
  const seat = seatOfRollout(rollout)
  const slice: Seat = { ...seat, scope: { kind: 'slice', id: rolloutId } }
  const own = { releaseRef: rollout.releaseRef, release: rollout.release }
  const moved: MovedSeat[] = []
  const note = (at: Seat, release: string, assignment: string | null, now: MovedSeat['now']): void => {
    if (assignment !== null) moved.push({ assignment, role: at.role, scope: `${at.scope.kind}:${at.scope.id}`, release, now })
  }
  const close = async (at: Seat, which: { release: string } | null): Promise<void> => {
    if (which !== null) note(at, which.release, await vacateSeat(tx, at, rolloutId, by.nowUs), 'ended')
  }
  const open = async (at: Seat, which: { releaseRef: number; release: string } | null, as: string): Promise<void> => {
    if (which === null) return
    const { reason, actor, nowUs } = by
    note(at, which.release, await openAssignment(tx, {
      seat: at, releaseRef: which.releaseRef, gateId: rolloutId, reason, assignedBy: actor.id, requestId: `rollout:${rolloutId}:${as}`,
    }, nowUs), 'in force')
  }
  const beside: Seat = { ...seat, role: 'shadow' }
  const sliceBeside: Seat = { ...slice, role: 'shadow' }
  const who = (side: RolloutSeats['shadow']) => (side === 'release' ? own : side === 'former' ? former : null)

  if (from.shadow !== to.shadow) await close(beside, who(from.shadow))
  if (from.slice && !to.slice) {
    await close(slice, own)
    await close(sliceBeside, former)
  }
  const back = from.champion === to.champion ? null : await fillChampion(tx, rollout, seat, to.champion, by, note)
  if (!from.slice && to.slice) {
    await open(slice, own, 'canary')
    await open(sliceBeside, former, 'canary-beside')
  }
  if (from.shadow !== to.shadow) await open(beside, who(to.shadow), `beside-${to.shadow ?? ''}`)
  await announceJudging(tx, rollout.site, moved.map(({ assignment }) => assignment))
  return { moved, back }
}

async function fillChampion(
  tx: Tx, { rolloutId, former, release }: Parameters<typeof fillSeats>[1], seat: Seat, who: RolloutSeats['champion'], by: FillingBy,
  note: (at: Seat, release: string, assignment: string | null, now: MovedSeat['now']) => void,
): Promise<FilledSeats['back']> {
  if (who === 'release') {
    const row = releaseGate(await readGate(tx, rolloutId))
    // Approvals are all that is asked of it, and owners have no part in them.
    note(seat, release, await letIn(tx, { row, seat }, toMachine(row, await readParts(tx, rolloutId), []), by.nowUs), 'in force')
  }
  if (who !== 'former' || former === null) return null
  const [current, before] = [await currentAssignment(tx, seat), await formerAssignment(tx, seat, former.release)]
  if (current === null || before === null || current.release !== release) return null
  const { assignmentId } = await assignFormer(tx, { seat, current, former: before, actor: by.actor, reason: by.reason, requestId: `rollout:${rolloutId}:back`, nowUs: by.nowUs })
  note(seat, former.release, assignmentId, 'in force')
  return { assignment: assignmentId, release: former.release }
}
