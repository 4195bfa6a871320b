import { platformActor } from '../../domain/access/rights.ts'
import { principalOf, type Gate } from '../../domain/gates/gate.ts'
import { findRelease, switchAssignment, type Seat } from '../../store/assignments.ts'
import type { GateRow, ReleaseGate } from '../../store/gates.ts'
import { appendLedger } from '../../store/ledger.ts'
import { announce } from '../../store/outbox.ts'
import type { Tx } from '../../store/transaction.ts'
import { announceJudging } from '../announce-lineage.ts'
import { voidRivals } from './gate-closing.ts'

/** By which the assignment that a gate made is found, and made once. */
export const letInRequest = (row: Pick<GateRow, 'gateId'>): string => `gate:${row.gateId}`

/** Puts the gate's release into its seat: the switch, its ledger row, its event; gates that would have replaced what was there are void. The caller holds the seat. */
export async function letIn(tx: Tx, { row, seat }: { row: ReleaseGate; seat: Seat }, approved: Pick<Gate, 'approvals' | 'emergency'>, nowUs: number): Promise<string> {
  const { site, gateId } = row
  const release = await findRelease(tx, site, { releaseRef: row.releaseRef })
  const replaced = row.replacesReleaseRef === null ? null : await findRelease(tx, site, { releaseRef: row.replacesReleaseRef })
  if (!release) throw new Error(`release ${row.releaseRef} of gate ${gateId} is gone`)
  const { assignmentId, formerId, atUs } = await switchAssignment(tx, {
    seat, releaseRef: row.releaseRef, gateId, reason: row.reason, assignedBy: row.requestedBy, requestId: letInRequest(row), nowUs,
  })
  const body = {
    assignment: assignmentId, family: row.family, role: row.role, scope: row.scope, release: release.release, releaseDigest: release.digest,
    replaces: replaced?.release ?? null, replacesDigest: replaced?.digest ?? null, gate: gateId, evidenceDigest: row.evidenceDigest,
    approvedBy: approved.approvals.map(principalOf), emergency: approved.emergency ? { by: approved.emergency.by, reason: approved.emergency.reason } : null,
    requestedBy: row.requestedBy, atUs, reason: row.reason,
  }
  await appendLedger(tx, { site, kind: 'assignment.switched', subject: `release/${release.release}`, actor: platformActor('gates'), body })
  await announce(tx, { site, id: `assignment/${assignmentId}`, type: 'assignment.switched', atUs: nowUs, data: body })
  await announceJudging(tx, site, [...(formerId === null ? [] : [formerId]), assignmentId])
  await voidRivals(tx, seat, gateId, release.release, nowUs)
  return assignmentId
}
