import { platformActor } from '../../domain/access/rights.ts'
import { DomainError } from '../../domain/errors.ts'
import type { Gate } from '../../domain/gates/gate.ts'
import { stepGate, type GateAction, type GateOutcome } from '../../domain/gates/step.ts'
import { currentAssignment, lockSeat, type Seat } from '../../store/assignments.ts'
import { getFamily, lockFamily, type FamilyRow } from '../../store/families.ts'
import { readParts, toMachine, type GateParts } from '../../store/gate-parts.ts'
import { lockGate, readGate, type GovernanceGate, type ReleaseGate } from '../../store/gates.ts'
import { inSite, type Tx } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'
import { closeGate } from './gate-closing.ts'

/** A gate in the hands of one transaction: its seat and its row are locked. */
export type HeldGate = (
  | { readonly row: ReleaseGate; readonly seat: Seat }
  /** What it changes is the family, which is locked in place of a seat. */
  | { readonly row: GovernanceGate; readonly seat: null }
) & { readonly parts: GateParts; readonly machine: Gate; readonly family: FamilyRow }

export interface Stepped { readonly before: Gate; readonly after: Gate; readonly outcome: GateOutcome }

export const seatOf = (row: Pick<ReleaseGate, 'site' | 'family' | 'role' | 'scope'>): Seat => ({ site: row.site, family: row.family, role: row.role, scope: row.scope })
export const ownersOf = (family: { readonly owner: string | null }): string[] => (family.owner === null ? [] : [family.owner])

/** The seat before the gate, as everybody does who switches: two approvals at once must not wait for each other in a ring. */
export async function holdGate(tx: Tx, gateId: string): Promise<HeldGate> {
  const seen = await readGate(tx, gateId)
  const locked = seen.kind === 'change-governance' ? await lockFamily(tx, seen.site, seen.family) : null
  if (seen.kind !== 'change-governance') await lockSeat(tx, seatOf(seen))
  const row = await lockGate(tx, gateId)
  const parts = await readParts(tx, gateId)
  const family = locked ?? await getFamily(tx, row.site, row.family)
  const rest = { parts, family, machine: toMachine(row, parts, ownersOf(family)) }
  return row.kind === 'change-governance' ? { row, seat: null, ...rest } : { row, seat: seatOf(row), ...rest }
}

/** What of a gate an action finds it in: its release must still replace what it promised to. */
const NEEDS_SEAT: ReadonlySet<GateAction['kind']> = new Set(['approve', 'reject', 'approve-in-emergency', 'ask-changes', 'answer', 'add-reviewer'])

/**
 * One action, by the machine. A refusal is given back instead of thrown: what came too late is refused, yet that the gate
 * expired, or is void, is recorded in the same transaction.
 */
export async function stepHeld(tx: Tx, held: HeldGate, action: GateAction, nowUs: number): Promise<Stepped | DomainError> {
  const { row, machine } = held
  const because = machine.state === 'open' && NEEDS_SEAT.has(action.kind) ? await whyVoid(tx, held) : null
  if (because !== null) {
    await closeGate(tx, row, { state: 'voided', by: platformActor('gates'), because, nowUs })
    return new DomainError('gate_closed', `the gate is void: ${because}; make a new request`, { gate: row.gateId, state: 'voided' })
  }
  const result = stepGate(machine, action, nowUs)
  if (result.ok) return { before: machine, after: result.gate, outcome: result.outcome }
  if (result.gate.state === 'expired' && machine.state === 'open') {
    await closeGate(tx, row, { state: 'expired', by: platformActor('gates'), because: result.gate.closedBecause ?? null, nowUs })
  }
  return new DomainError(result.code, result.message, { gate: row.gateId, state: result.gate.state })
}

/** Runs `work` on the held gate in one transaction; a refusal it gives back is thrown once that is committed. */
export async function onGate<T>(
  ctx: Pick<ServiceContext, 'pool' | 'nowUs'>, at: { site: string; gate: string }, work: (tx: Tx, held: HeldGate, nowUs: number) => Promise<T | DomainError>,
): Promise<T> {
  const result = await inSite(ctx.pool, at.site, async (tx) => {
    const held = await holdGate(tx, at.gate)
    return work(tx, held, ctx.nowUs())
  })
  if (result instanceof DomainError) throw result
  return result
}

/** The gate promised to replace something; when something else is in force by now, it no longer means what was approved. */
async function whyVoid(tx: Tx, held: HeldGate): Promise<string | null> {
  if (held.seat === null) {
    return held.family.governanceVersion === held.row.replacesVersion ? null : `what it would replace changed: version ${held.family.governanceVersion} of the governance is in force now`
  }
  const { row, seat } = held
  const current = await currentAssignment(tx, seat)
  if ((current?.releaseRef ?? null) === row.replacesReleaseRef) return null
  return `what it would replace changed: ${current?.release ?? 'nothing'} is ${row.role} now`
}
