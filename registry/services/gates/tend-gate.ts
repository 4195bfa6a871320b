import { platformActor } from '../../domain/access/rights.ts'
import { microsToIso } from '../../domain/contract/time.ts'
import { escalationAt, overdueAt } from '../../domain/gates/escalation.ts'
import { principalOf, type Gate, type GateState, type ReviewState } from '../../domain/gates/gate.ts'
import { missingForApproval, wantedText } from '../../domain/gates/quorum.ts'
import { remindersAt } from '../../domain/gates/reminders.ts'
import { stepGate } from '../../domain/gates/step.ts'
import { getFamily } from '../../store/families.ts'
import { readParts, toMachine } from '../../store/gate-parts.ts'
import { lockGate, noteTold, type GateRow } from '../../store/gates.ts'
import { announce } from '../../store/outbox.ts'
import { inSite, type Tx } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'
import { ownersOf } from './gate-action.ts'
import { closeGate } from './gate-closing.ts'
import { effectOf } from './gate-effect.ts'
import { proposalOf } from './gate-proposal.ts'
import { tellGate } from './gate-talk.ts'

export interface GateStanding {
  readonly state: GateState | 'collecting'
  readonly assignment: string | null
  readonly expiresAtUs: number
  /** When its approvers are to be reminded next; null where nobody is. */
  readonly remindAtUs: number | null
  /** Null where nothing is to be reviewed. */
  readonly review: ReviewState | null
  /** When it is to be looked at again; null once nothing is waited for. */
  readonly wakeAtUs: number | null
}

interface Tended { readonly row: GateRow; readonly machine: Gate }

/**
 * What the clock does to a gate: expires it when its time has come; reminds its approvers and escalates while it waits;
 * tells of the review of an emergency that is overdue; and says how it stands. Safe to call at any time.
 */
export async function tendGate(ctx: Pick<ServiceContext, 'pool' | 'nowUs'>, input: { site: string; gate: string }): Promise<GateStanding> {
  return inSite(ctx.pool, input.site, async (tx) => {
    const row = await lockGate(tx, input.gate)
    const review = row.review?.state ?? null
    const standing: GateStanding = { state: row.state, assignment: await effectOf(tx, row), expiresAtUs: row.expiresAtUs, remindAtUs: null, review, wakeAtUs: null }
    const waits = row.state === 'collecting' || row.state === 'open'
    if (!waits && review !== 'due') return standing
    const tended: Tended = { row, machine: toMachine(row, await readParts(tx, row.gateId), ownersOf(await getFamily(tx, row.site, row.family))) }
    const nowUs = ctx.nowUs()
    if (!waits) return { ...standing, wakeAtUs: await tellOverdue(tx, tended, nowUs) }
    const result = stepGate(tended.machine, { kind: 'tick' }, nowUs)
    if (result.ok && result.outcome.changed) {
      await closeGate(tx, row, { state: 'expired', by: platformActor('gates'), because: result.gate.closedBecause ?? null, nowUs })
      return { ...standing, state: 'expired' }
    }
    if (row.state !== 'open') return { ...standing, wakeAtUs: row.expiresAtUs }
    const remindAtUs = await remind(tx, tended, nowUs)
    const escalateAtUs = await escalate(tx, tended, nowUs)
    return { ...standing, remindAtUs, wakeAtUs: Math.min(row.expiresAtUs, remindAtUs ?? Infinity, escalateAtUs ?? Infinity) }
  })
}

/** Announces the reminder that is due, once however often it is looked at; gives the time of the next. */
async function remind(tx: Tx, tended: Tended, nowUs: number): Promise<number | null> {
  const { row } = tended
  const { remindEverySeconds } = row.rules
  if (remindEverySeconds === null) return null
  const { due, nextUs } = remindersAt(row.requestedAtUs, remindEverySeconds, nowUs)
  if (due > 0) {
    const data = { ...await facts(tx, tended), reminder: due }
    await announce(tx, { site: row.site, id: `gate/${row.gateId}/reminder/${due}`, type: 'gate.reminder', atUs: nowUs, data })
  }
  return nextUs
}

/** Tells the next people, each step once; what passed while nobody was there to tell is told as one, to all of them. */
async function escalate(tx: Tx, tended: Tended, nowUs: number): Promise<number | null> {
  const { row } = tended
  const { level, nextUs } = escalationAt(row.rules.escalation, row.waitsSinceUs, nowUs)
  if (level > row.escalationLevel) {
    await noteTold(tx, row.gateId, { escalation: level })
    const to = row.rules.escalation.slice(row.escalationLevel, level).map((step) => step.to)
    await tellGate(tx, row, platformActor('gates'), { verb: 'escalate-gate', kind: 'gate.escalated', key: `escalated/${level}`, nowUs, body: { ...await facts(tx, tended), level, to } })
  }
  return nextUs
}

/** An emergency that nobody reviewed in time: everybody whom the rules would escalate to is told, and again until it is done. */
async function tellOverdue(tx: Tx, tended: Tended, nowUs: number): Promise<number> {
  const { row, machine } = tended
  const { level, nextUs } = overdueAt(row.review?.dueUs ?? nowUs, row.rules.remindEverySeconds, nowUs)
  if (level > row.overdueLevel) {
    await noteTold(tx, row.gateId, { overdue: level })
    const to = row.rules.escalation.map((step) => step.to)
    const { by = null, reason = null } = machine.emergency ?? {}
    await tellGate(tx, row, platformActor('gates'), {
      verb: 'tell-review-overdue', kind: 'gate.review-overdue', key: `overdue/${level}`, nowUs, body: { ...await facts(tx, tended), level, to, emergency: { by, reason } },
    })
  }
  return nextUs
}

async function facts(tx: Tx, { row, machine }: Tended): Promise<Record<string, unknown>> {
  return {
    gate: row.gateId, kind: row.kind, family: row.family, ...await proposalOf(tx, row), scope: row.scope, evidenceDigest: row.evidenceDigest, reason: row.reason,
    requestedBy: row.requestedBy, requestedAt: microsToIso(row.requestedAtUs), expiresAt: microsToIso(row.expiresAtUs),
    approvedBy: machine.approvals.map(principalOf), required: row.rules.requiredApprovals, roles: row.rules.roles,
    wanted: wantedText(machine), missing: missingForApproval(machine), changesAsked: machine.questions.length,
  }
}
