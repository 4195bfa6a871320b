import type { Actor } from '../../domain/access/rights.ts'
import { findRelease, switchAssignment, type Assignment, type Seat } from '../../store/assignments.ts'
import { appendLedger } from '../../store/ledger.ts'
import { announce } from '../../store/outbox.ts'
import type { Tx } from '../../store/transaction.ts'
import { announceJudging } from '../announce-lineage.ts'
import { voidRivals } from './gate-closing.ts'

export interface GoingBack {
  readonly seat: Seat
  readonly current: Assignment
  readonly former: Assignment
  readonly actor: Actor
  readonly reason: string
  /** Makes it idempotent within the site. */
  readonly requestId: string
  readonly nowUs: number
}

/** Assigns what filled the seat before, with ledger and event; gates that would have replaced what was there are void. The caller holds the seat. */
export async function assignFormer(tx: Tx, going: GoingBack): Promise<{ assignmentId: string; atUs: number; body: Record<string, unknown> }> {
  const { seat, current, former, actor, reason, requestId, nowUs } = going
  const release = await findRelease(tx, seat.site, { releaseRef: former.releaseRef })
  const { assignmentId, formerId, atUs } = await switchAssignment(tx, { seat, releaseRef: former.releaseRef, gateId: null, reason, assignedBy: actor.id, requestId, nowUs })
  const body = {
    assignment: assignmentId, family: seat.family, role: seat.role, scope: seat.scope, release: former.release, releaseDigest: release?.digest ?? null,
    replaces: current.release, atUs, reason, requestId,
  }
  await appendLedger(tx, { site: seat.site, kind: 'assignment.rolled-back', subject: `release/${former.release}`, actor, body })
  await announce(tx, { site: seat.site, id: `assignment/${assignmentId}`, type: 'assignment.rolled-back', atUs: nowUs, data: { ...body, by: actor.id } })
  await announceJudging(tx, seat.site, [...(formerId === null ? [] : [formerId]), assignmentId])
  await voidRivals(tx, seat, null, former.release, nowUs)
  return { assignmentId, atUs, body }
}
