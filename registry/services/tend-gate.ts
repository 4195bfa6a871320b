import { platformActor } from '../domain/access/rights.ts'
import { microsToIso } from '../domain/contract/time.ts'
import type { Gate, GateState } from '../domain/gates/gate.ts'
import { decideGate as step } from '../domain/gates/gate.ts'
import { remindersAt } from '../domain/gates/reminders.ts'
import { assignmentByRequest, findRelease } from '../store/assignments.ts'
import { lockGate, toMachine, type GateRow } from '../store/gates.ts'
import { announce } from '../store/outbox.ts'
import { inSite, type Tx } from '../store/transaction.ts'
import type { ServiceContext } from './context.ts'
import { closeGate } from './gate-closing.ts'

export interface GateStanding {
  readonly state: GateState | 'collecting'
  readonly assignment: string | null
  readonly expiresAtUs: number
  /** When its approvers are to be reminded next; null where nobody is. */
  readonly remindAtUs: number | null
}

/**
 * What the clock does to a gate: expires it when its time has come, reminds its approvers while it waits; and tells how
 * it stands. Safe to call at any time.
 */
export async function tendGate(ctx: Pick<ServiceContext, 'pool' | 'nowUs'>, input: { site: string; gate: string }): Promise<GateStanding> {
  return inSite(ctx.pool, input.site, async (tx) => {
    const row = await lockGate(tx, input.gate)
    const assignment = (await assignmentByRequest(tx, row.site, `gate:${row.gateId}`))?.assignmentId ?? null
    const standing = { state: row.state, assignment, expiresAtUs: row.expiresAtUs, remindAtUs: null }
    if (row.state !== 'collecting' && row.state !== 'open') return standing
    const machine = await toMachine(tx, row, [])
    const nowUs = ctx.nowUs()
    const result = step({ ...machine, state: 'open' }, { kind: 'tick' }, nowUs)
    if (result.ok && result.outcome.changed) {
      const because = result.gate.closedBecause ?? null
      await closeGate(tx, row, { state: 'expired', by: platformActor('gates'), because, nowUs })
      return { ...standing, state: 'expired' }
    }
    return row.state === 'open' ? { ...standing, remindAtUs: await remind(tx, row, machine, nowUs) } : standing
  })
}

/** Announces the reminder that is due, once however often it is looked at; gives the time of the next. */
async function remind(tx: Tx, row: GateRow, { approvals }: Gate, nowUs: number): Promise<number | null> {
  const { remindEverySeconds, requiredApprovals, roles } = row.rules
  if (remindEverySeconds === null) return null
  const { due, nextUs } = remindersAt(row.requestedAtUs, remindEverySeconds, nowUs)
  if (due > 0) {
    await announce(tx, {
      site: row.site, id: `gate/${row.gateId}/reminder/${due}`, type: 'gate.reminder', atUs: nowUs,
      data: {
        gate: row.gateId, kind: row.kind, family: row.family, role: row.role, scope: row.scope, evidenceDigest: row.evidenceDigest,
        release: (await findRelease(tx, row.site, { releaseRef: row.releaseRef }))?.release ?? null, reason: row.reason,
        requestedBy: row.requestedBy, requestedAt: microsToIso(row.requestedAtUs), expiresAt: microsToIso(row.expiresAtUs),
        reminder: due, approvedBy: approvals.map(({ by }) => by), required: requiredApprovals, roles,
      },
    })
  }
  return nextUs
}
