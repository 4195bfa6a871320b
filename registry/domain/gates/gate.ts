import { z } from 'zod'
import { roles, type Role } from '../access/rights.ts'
import { refuse, type ErrorCode } from '../errors.ts'

/** Who must agree, as data of the family's governance. Times are wall time in UTC microseconds. */
export const gateRulesSchema = z.strictObject({
  requiredApprovals: z.int().min(1).max(20),
  /** An approver holds at least one of these. */
  roles: z.array(z.enum(roles)).min(1),
  /** One of the approvals must come from an owner of the asset family. */
  ownerMustApprove: z.boolean().default(false),
  expiresAtUs: z.int(),
  /** Null: nobody is reminded. */
  remindEverySeconds: z.int().min(1).nullable().default(86_400),
})
export type GateRules = z.infer<typeof gateRulesSchema>

export const gateStates = ['open', 'approved', 'rejected', 'expired', 'withdrawn', 'voided'] as const
export type GateState = (typeof gateStates)[number]

export interface GateApproval {
  by: string
  roles: Role[]
  evidenceDigest: string
  atUs: number
}

/** A promotion or policy change waiting for approvals: plain JSON, the whole truth the machine needs. */
export interface Gate {
  state: GateState
  rules: GateRules
  /** The frozen evidence that approvals bind to. */
  evidenceDigest: string
  requestedBy: string
  /** Who made what is proposed; they do not approve their own work. */
  authors: string[]
  /** Owners of the asset family. */
  owners: string[]
  approvals: GateApproval[]
  rejectedBy?: string
  closedUs?: number
  closedBecause?: string
}

export type GateAction =
  | { kind: 'approve'; by: string; roles: readonly Role[]; evidenceDigest: string }
  | { kind: 'reject'; by: string; roles: readonly Role[]; evidenceDigest: string; reason: string }
  | { kind: 'withdraw'; by: string; reason: string }
  /** The proposal, or what it would replace, changed. */
  | { kind: 'void'; reason: string }
  /** The clock: expires a gate whose time has come, and does nothing to any other. */
  | { kind: 'tick' }

export interface GateOutcome {
  state: GateState
  approvals: number
  required: number
  /** False when the action repeated what had been decided, or had nothing to do. */
  changed: boolean
}

/** A refusal still returns the gate: one that comes too late is refused and finds the gate expired. */
export type GateResult =
  | { ok: true; gate: Gate; outcome: GateOutcome }
  | { ok: false; gate: Gate; code: ErrorCode; message: string }

export interface GateOpening {
  rules: GateRules
  evidenceDigest: string
  requestedBy: string
  authors: readonly string[]
  owners: readonly string[]
}

/** Opens a gate. Refuses (`invalid`) one that is already over, and one that only its own makers could approve. */
export function openGate(opening: GateOpening, nowUs: number): Gate {
  if (opening.rules.expiresAtUs <= nowUs) {
    refuse('invalid', `the gate would expire at ${opening.rules.expiresAtUs} µs, which is not after now (${nowUs} µs); set a later time`)
  }
  const gate: Gate = { ...opening, authors: [...opening.authors], owners: [...opening.owners], state: 'open', approvals: [] }
  if (gate.rules.ownerMustApprove && gate.owners.every((owner) => isMaker(gate, owner))) {
    refuse('invalid', 'an owner must approve, but every owner of the family requested or made this proposal, so nobody could ever '
      + 'approve it; name another owner, or let somebody else request it', { owners: gate.owners })
  }
  return gate
}

/**
 * One action on a gate, at a wall time given from outside. Approvals are for the very evidence they name; one person
 * counts once and never changes their decision; requester and authors never approve; one rejection closes the gate;
 * closed is closed. The same decision again gives the same outcome, whatever has happened to the gate through it.
 */
export function decideGate(gate: Gate, action: GateAction, nowUs: number): GateResult {
  const repeated = repeats(gate, action)
  if (repeated) return accepted(gate, false)
  if (gate.state !== 'open') {
    if (action.kind === 'tick') return accepted(gate, false)
    const code = gate.state === 'expired' ? 'expired' : 'gate_closed'
    return refused(gate, code, `the gate is ${gate.state}${gate.closedBecause ? ` (${gate.closedBecause})` : ''}; make a new request`)
  }
  if (action.kind === 'void') return accepted(closed(gate, 'voided', nowUs, action.reason), true)
  if (nowUs >= gate.rules.expiresAtUs) {
    const expired = closed(gate, 'expired', nowUs, 'not decided in time')
    return action.kind === 'tick'
      ? accepted(expired, true)
      : refused(expired, 'expired', `the gate expired at ${gate.rules.expiresAtUs} µs before this was decided; make a new request`)
  }
  switch (action.kind) {
    case 'tick':
      return accepted(gate, false)
    case 'withdraw':
      return action.by === gate.requestedBy
        ? accepted(closed(gate, 'withdrawn', nowUs, action.reason), true)
        : refused(gate, 'forbidden', `only ${gate.requestedBy}, who requested it, may withdraw the gate; reject it instead`)
    case 'approve':
    case 'reject': {
      const refusal = objection(gate, action)
      if (refusal !== undefined) return refusal
      return action.kind === 'approve'
        ? approve(gate, action, nowUs)
        : accepted({ ...closed(gate, 'rejected', nowUs, action.reason), rejectedBy: action.by }, true)
    }
  }
}

/** What is still missing for approval; null when nothing is. */
export function missingForApproval(gate: Gate): { approvals: number; owner: boolean } | null {
  const approvals = Math.max(0, gate.rules.requiredApprovals - gate.approvals.length)
  const owner = gate.rules.ownerMustApprove && !gate.approvals.some((approval) => gate.owners.includes(approval.by))
  return approvals === 0 && !owner ? null : { approvals, owner }
}

type Decision = Extract<GateAction, { kind: 'approve' | 'reject' }>

/**
 * A repeat is answered before the state is looked at, so that a caller who lost the first answer gets it again; but an
 * approval on a gate that was later rejected, withdrawn, voided or expired has no outcome to repeat.
 */
function repeats(gate: Gate, action: GateAction): boolean {
  switch (action.kind) {
    case 'approve':
      return (gate.state === 'open' || gate.state === 'approved')
        && gate.approvals.some((a) => a.by === action.by && a.evidenceDigest === action.evidenceDigest)
    case 'reject':
      return gate.state === 'rejected' && gate.rejectedBy === action.by && gate.evidenceDigest === action.evidenceDigest
    case 'withdraw':
      return gate.state === 'withdrawn' && gate.requestedBy === action.by
    case 'void':
      return gate.state === 'voided'
    case 'tick':
      return false
  }
}

function objection(gate: Gate, action: Decision): GateResult | undefined {
  if (isMaker(gate, action.by)) {
    const part = action.by === gate.requestedBy ? 'requested' : 'made'
    return refused(gate, 'separation_of_duties', `${action.by} ${part} this proposal and so cannot decide on it; `
      + (part === 'requested' ? 'withdraw it, or ask another person' : 'ask another person'))
  }
  if (!action.roles.some((role) => gate.rules.roles.includes(role))) {
    return refused(gate, 'forbidden', `deciding here takes one of the roles ${gate.rules.roles.join(', ')}, which ${action.by} does not hold`)
  }
  if (action.evidenceDigest !== gate.evidenceDigest) {
    return refused(gate, 'evidence_changed', 'the decision was made on other evidence than the gate has now; '
      + 'read the present evidence and decide again')
  }
  if (gate.approvals.some((approval) => approval.by === action.by)) {
    return refused(gate, 'conflict', `${action.by} has already approved, and decisions are not taken back; `
      + 'another approver can reject, or the requester withdraw')
  }
  return undefined
}

function approve(gate: Gate, action: Decision, nowUs: number): GateResult {
  const approval = { by: action.by, roles: [...action.roles], evidenceDigest: action.evidenceDigest, atUs: nowUs }
  const next: Gate = { ...gate, approvals: [...gate.approvals, approval] }
  return accepted(missingForApproval(next) === null ? closed(next, 'approved', nowUs) : next, true)
}

function closed(gate: Gate, state: Exclude<GateState, 'open'>, nowUs: number, because?: string): Gate {
  return { ...gate, state, closedUs: nowUs, ...(because === undefined ? {} : { closedBecause: because }) }
}

function isMaker(gate: Gate, person: string): boolean {
  return person === gate.requestedBy || gate.authors.includes(person)
}

function accepted(gate: Gate, changed: boolean): GateResult {
  const outcome = { state: gate.state, approvals: gate.approvals.length, required: gate.rules.requiredApprovals, changed }
  return { ok: true, gate, outcome }
}

function refused(gate: Gate, code: ErrorCode, message: string): GateResult {
  return { ok: false, gate, code, message }
}
