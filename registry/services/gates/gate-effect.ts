import { platformActor, type Actor } from '../../domain/access/rights.ts'
import { principalOf, type Gate } from '../../domain/gates/gate.ts'
import { assignmentByRequest, currentAssignment, findRelease, standingFormer, switchAssignment, type Seat } from '../../store/assignments.ts'
import type { GateRow, ReleaseGate } from '../../store/gates.ts'
import { appendLedger } from '../../store/ledger.ts'
import { announce } from '../../store/outbox.ts'
import type { Tx } from '../../store/transaction.ts'
import { announceJudging } from '../announce-lineage.ts'
import { assignFormer } from './former-release.ts'
import type { HeldGate } from './gate-action.ts'
import { voidRivals } from './gate-closing.ts'
import { changeGovernance } from './governance-effect.ts'

const requestIdOf = (row: Pick<GateRow, 'gateId'>): string => `gate:${row.gateId}`

/** What an approval puts in force, in the transaction that approves: the switch, its ledger row, its event. */
export async function putInForce(tx: Tx, held: HeldGate, after: Gate, nowUs: number): Promise<void> {
  if (held.seat === null) return changeGovernance(tx, held.row, after, nowUs)
  const { row, seat } = held
  const { site, gateId } = row
  const release = await findRelease(tx, site, { releaseRef: row.releaseRef })
  const replaced = row.replacesReleaseRef === null ? null : await findRelease(tx, site, { releaseRef: row.replacesReleaseRef })
  if (!release) throw new Error(`release ${row.releaseRef} of gate ${gateId} is gone`)
  const { assignmentId, formerId, atUs } = await switchAssignment(tx, {
    seat, releaseRef: row.releaseRef, gateId, reason: row.reason, assignedBy: row.requestedBy, requestId: requestIdOf(row), nowUs,
  })
  const body = {
    assignment: assignmentId, family: row.family, role: row.role, scope: row.scope, release: release.release, releaseDigest: release.digest,
    replaces: replaced?.release ?? null, replacesDigest: replaced?.digest ?? null, gate: gateId, evidenceDigest: row.evidenceDigest,
    approvedBy: after.approvals.map(principalOf), emergency: after.emergency ? { by: after.emergency.by, reason: after.emergency.reason } : null,
    requestedBy: row.requestedBy, atUs, reason: row.reason,
  }
  await appendLedger(tx, { site, kind: 'assignment.switched', subject: `release/${release.release}`, actor: platformActor('gates'), body })
  await announce(tx, { site, id: `assignment/${assignmentId}`, type: 'assignment.switched', atUs: nowUs, data: body })
  await announceJudging(tx, site, [...(formerId === null ? [] : [formerId]), assignmentId])
  await voidRivals(tx, seat, gateId, release.release, nowUs)
}

/** The assignment that the gate made, if it did. */
export async function effectOf(tx: Tx, row: Pick<GateRow, 'site' | 'gateId'>): Promise<string | null> {
  return (await assignmentByRequest(tx, row.site, requestIdOf(row)))?.assignmentId ?? null
}

export interface TakenBack { readonly rolledBack: { readonly assignment: string; readonly release: string } | null; readonly note: string }

/**
 * Puts back what was in force before what the gate let in, passing over what other reviews rejected; unless another release is
 * in force by now, or there was none before. Says which.
 */
export async function takeBack(tx: Tx, { row, seat }: { row: ReleaseGate; seat: Seat }, by: { actor: Actor; reason: string; nowUs: number }): Promise<TakenBack> {
  const current = await currentAssignment(tx, seat)
  // Also where a roll back put it in force once more: what the review rejects is that it judges at all.
  if (current?.letInBy?.gate !== row.gateId) {
    return { rolledBack: null, note: `nothing is rolled back: ${current?.release ?? 'nothing'} is ${row.role} by now, by another decision` }
  }
  const former = await standingFormer(tx, seat, current)
  if (former === null) {
    return { rolledBack: null, note: `${current.release} goes on judging: nothing was ${row.role} before it, so there is nothing to go back to; ask for another release to be put in force` }
  }
  const { assignmentId } = await assignFormer(tx, { seat, current, former, actor: by.actor, reason: by.reason, requestId: `${requestIdOf(row)}:review`, nowUs: by.nowUs })
  return { rolledBack: { assignment: assignmentId, release: former.release }, note: `rolled back to ${former.release}` }
}
