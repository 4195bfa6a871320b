import { z } from 'zod'
import { demand, platformActor, type Actor } from '../domain/access/rights.ts'
import { sha256Schema, slugSchema } from '../domain/contract/primitives.ts'
import { DomainError, refuse } from '../domain/errors.ts'
import { decideGate as step, type Gate, type GateState } from '../domain/gates/gate.ts'
import { findActor } from '../store/actors.ts'
import { assignmentByRequest, currentAssignment, findRelease, lockSeat, switchAssignment, type Seat } from '../store/assignments.ts'
import { recordAudit } from '../store/audit.ts'
import { getFamily } from '../store/families.ts'
import { insertDecision, lockGate, readGate, toMachine, type GateRow } from '../store/gates.ts'
import { appendLedger } from '../store/ledger.ts'
import { announce } from '../store/outbox.ts'
import { inSite, type Tx } from '../store/transaction.ts'
import type { ServiceContext } from './context.ts'
import { closeGate, voidRivals } from './gate-closing.ts'
import { ownersOf } from './request-promotion.ts'

export const decideGateInput = z.object({
  site: slugSchema,
  gate: z.uuid(),
  actor: z.string().min(1).max(200),
  verdict: z.enum(['approve', 'reject']),
  evidenceDigest: sha256Schema.describe('Digest of the evidence the decision was made on'),
  comment: z.string().max(4000).default(''),
})
export type DecideGateInput = z.infer<typeof decideGateInput>

export interface GateDecided { readonly state: GateState; readonly approvals: number; readonly required: number; readonly assignment: string | null }

/**
 * One decision, in one transaction: roles looked up there, the gate locked, the decision, and, when it was the last
 * approval wanted, the switch, ledger, audit and events. Deciding the same again gives the same answer. Called by the
 * gate's workflow; `actor` was authenticated by whoever sent the Update.
 *
 * Refuses `separation_of_duties`, `forbidden`, `evidence_changed`, `expired`, `gate_closed`, `conflict`, and
 * `stale_state` while the evidence is still being collected.
 */
export async function decideGate(ctx: Pick<ServiceContext, 'pool' | 'nowUs'>, input: DecideGateInput): Promise<GateDecided> {
  const result = await inSite(ctx.pool, input.site, (tx) => decide(tx, input, ctx.nowUs()))
  // Thrown only now: a decision that came too late is refused, yet that the gate expired (or is void) is recorded.
  if (result instanceof DomainError) throw result
  return result
}

async function decide(tx: Tx, input: DecideGateInput, nowUs: number): Promise<GateDecided | DomainError> {
  const seat = seatOf(await readGate(tx, input.gate))
  // The seat before the gate, as everybody does who switches: two approvals at once must not wait for each other in a ring.
  await lockSeat(tx, seat)
  const row = await lockGate(tx, input.gate)
  const actor = await activeActor(tx, input)
  if (row.state === 'collecting') refuse('stale_state', `gate ${row.gateId} is still collecting its evidence; decide when it is open`, { gate: row.gateId })

  const gate = await toMachine(tx, row, ownersOf(await getFamily(tx, row.site, row.family)))
  const voidedBecause = gate.state === 'open' ? await whyVoid(tx, row, seat) : null
  if (voidedBecause !== null) {
    await closeGate(tx, row, { state: 'voided', by: platformActor('gates'), because: voidedBecause, nowUs })
    return new DomainError('gate_closed', `the gate is void: ${voidedBecause}; make a new request`, { gate: row.gateId, state: 'voided' })
  }
  const action = input.verdict === 'approve'
    ? { kind: 'approve' as const, by: actor.id, roles: actor.roles, evidenceDigest: input.evidenceDigest }
    : { kind: 'reject' as const, by: actor.id, roles: actor.roles, evidenceDigest: input.evidenceDigest, reason: input.comment }
  const result = step(gate, action, nowUs)
  if (!result.ok) {
    if (result.gate.state === 'expired' && gate.state === 'open') {
      await closeGate(tx, row, { state: 'expired', by: platformActor('gates'), because: result.gate.closedBecause ?? null, nowUs })
    }
    return new DomainError(result.code, result.message, { gate: row.gateId, state: result.gate.state })
  }
  if (result.outcome.changed) await record(tx, { row, seat, actor, input, after: result.gate, nowUs })
  const assignment = await assignmentByRequest(tx, row.site, requestIdOf(row))
  return {
    state: result.outcome.state, approvals: result.outcome.approvals, required: result.outcome.required,
    assignment: assignment?.assignmentId ?? null,
  }
}

interface Recorded { row: GateRow; seat: Seat; actor: Actor; input: DecideGateInput; after: Gate; nowUs: number }

async function record(tx: Tx, { row, seat, actor, input, after, nowUs }: Recorded): Promise<void> {
  const { site, gateId } = row
  const { verdict, evidenceDigest, comment } = input
  await insertDecision(tx, { site, gateId, actorId: actor.id, roles: actor.roles, verdict, evidenceDigest, comment, nowUs })
  const body = { gate: gateId, verdict, evidenceDigest, comment, roles: [...actor.roles], approvals: after.approvals.length, required: row.rules.requiredApprovals }
  await recordAudit(tx, { site, actor, verb: 'decide-gate', subject: `gate/${gateId}`, detail: body })
  await appendLedger(tx, { site, kind: 'gate.decided', subject: `gate/${gateId}`, actor, body })
  await announce(tx, { site, id: `gate/${gateId}/decided/${actor.id}`, type: 'gate.decided', atUs: nowUs, data: { ...body, actor: actor.id, family: row.family } })
  if (after.state === 'open') return
  if (after.state === 'approved') await putInForce(tx, row, seat, after, nowUs)
  await closeGate(tx, row, { state: after.state, by: actor, because: after.closedBecause ?? null, nowUs })
}

async function putInForce(tx: Tx, row: GateRow, seat: Seat, after: Gate, nowUs: number): Promise<void> {
  const { site, gateId } = row
  const release = await findRelease(tx, site, { releaseRef: row.releaseRef })
  const replaced = row.replacesReleaseRef === null ? null : await findRelease(tx, site, { releaseRef: row.replacesReleaseRef })
  if (!release) throw new Error(`release ${row.releaseRef} of gate ${gateId} is gone`)
  const approvers = after.approvals.map((approval) => approval.by)
  const { assignmentId, atUs } = await switchAssignment(tx, {
    seat, releaseRef: row.releaseRef, gateId, reason: row.reason, assignedBy: row.requestedBy, requestId: requestIdOf(row), nowUs,
  })
  const body = {
    assignment: assignmentId, family: row.family, role: row.role, scope: row.scope, release: release.release, releaseDigest: release.digest,
    replaces: replaced?.release ?? null, replacesDigest: replaced?.digest ?? null, gate: gateId, evidenceDigest: row.evidenceDigest,
    approvedBy: approvers, requestedBy: row.requestedBy, atUs, reason: row.reason,
  }
  await appendLedger(tx, { site, kind: 'assignment.switched', subject: `release/${release.release}`, actor: platformActor('gates'), body })
  await announce(tx, { site, id: `assignment/${assignmentId}`, type: 'assignment.switched', atUs: nowUs, data: body })
  await voidRivals(tx, seat, gateId, release.release, nowUs)
}

const requestIdOf = (row: GateRow): string => `gate:${row.gateId}`
export const seatOf = (row: Pick<GateRow, 'site' | 'family' | 'role' | 'scope'>): Seat => ({ site: row.site, family: row.family, role: row.role, scope: row.scope })

/** The decider as of this transaction: a role taken away, or an account disabled, a moment ago counts. */
async function activeActor(tx: Tx, input: DecideGateInput): Promise<Actor> {
  const known = await findActor(tx, input.site, input.actor)
  if (!known || known.disabled) return refuse('forbidden', `${input.actor} is not an active actor of site ${input.site}`, { actor: input.actor })
  const actor: Actor = { id: known.actorId, roles: known.roles, sites: [input.site] }
  demand(actor, 'gate.decide', input.site)
  return actor
}

/** The gate promised to replace something; when something else is in force by now, it no longer means what was approved. */
async function whyVoid(tx: Tx, row: GateRow, seat: Seat): Promise<string | null> {
  const current = await currentAssignment(tx, seat)
  if ((current?.releaseRef ?? null) === row.replacesReleaseRef) return null
  return `what it would replace changed: ${current?.release ?? 'nothing'} is ${row.role} now`
}
