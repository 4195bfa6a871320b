import type { ErrorCode } from '../errors.ts'
import { isMaker, isWanted, mayDecide, peopleIn, principalOf, type Gate, type GateState, type Review, type Voice } from './gate.ts'
import { countingApprovals, missingForApproval } from './quorum.ts'

export type GateAction =
  | (Voice & { kind: 'approve'; evidenceDigest: string })
  | (Voice & { kind: 'reject'; evidenceDigest: string; reason: string })
  /** Alone, for a declared reason; reviewed afterwards. */
  | (Voice & { kind: 'approve-in-emergency'; evidenceDigest: string; reason: string })
  /** The review of an emergency: by the rules that the approval was spared. */
  | (Voice & { kind: 'confirm'; evidenceDigest: string })
  | (Voice & { kind: 'overturn'; evidenceDigest: string; reason: string })
  | (Voice & { kind: 'ask-changes'; text: string })
  | { kind: 'answer'; by: string; text: string }
  | (Voice & { kind: 'add-reviewer'; reviewer: string; required: boolean })
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

/** More reviewers make nothing safer. */
const MOST_REVIEWERS = 20

/**
 * One action on a gate, at a wall time given from outside. Approvals are for the very evidence they name; one person
 * counts once, whether they decide or somebody decides for them, and never changes their decision; requester and authors
 * never approve; one rejection closes the gate; closed is closed, but for the review of an emergency. The same action
 * again gives the same outcome, whatever has happened to the gate through it.
 */
export function stepGate(gate: Gate, action: GateAction, nowUs: number): GateResult {
  if (repeats(gate, action)) return accepted(gate, false)
  if (action.kind === 'confirm' || action.kind === 'overturn') return review(gate, action, nowUs)
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
      return barred(gate, action) ?? unanswered(gate) ?? approve(gate, action, nowUs)
    case 'reject':
      return silent(gate, action.reason) ?? barred(gate, action) ?? accepted({ ...closed(gate, 'rejected', nowUs, action.reason), rejectedBy: action.by }, true)
    case 'approve-in-emergency':
      return silent(gate, action.reason) ?? notInEmergency(gate, action) ?? unanswered(gate) ?? approveAlone(gate, action, nowUs)
    case 'ask-changes':
      return silent(gate, action.text) ?? stranger(gate, action)
        ?? accepted({ ...gate, questions: [...gate.questions, { by: action.by, text: action.text, atUs: nowUs }] }, true)
    case 'answer':
      return answer(gate, action)
    case 'add-reviewer':
      return addReviewer(gate, action)
  }
}

type Decision = Extract<GateAction, { kind: 'approve' | 'reject' | 'confirm' | 'overturn' }>

/**
 * A repeat is answered before the state is looked at, so that a caller who lost the first answer gets it again; but an
 * approval on a gate that was later rejected, withdrawn, voided or expired has no outcome to repeat.
 */
function repeats(gate: Gate, action: GateAction): boolean {
  const approved = (voice: Voice & { evidenceDigest: string }) => gate.approvals.some((a) =>
    a.by === voice.by && (a.onBehalfOf ?? null) === (voice.onBehalfOf ?? null) && a.evidenceDigest === voice.evidenceDigest)
  switch (action.kind) {
    case 'approve':
      return (gate.state === 'open' || gate.state === 'approved') && approved(action)
    case 'confirm':
      return gate.review !== undefined && gate.review.state !== 'rejected' && approved(action)
    case 'reject':
      return gate.state === 'rejected' && gate.rejectedBy === action.by && gate.evidenceDigest === action.evidenceDigest
    case 'overturn':
      return gate.review?.state === 'rejected' && gate.review.by === action.by && gate.evidenceDigest === action.evidenceDigest
    case 'approve-in-emergency':
      return gate.emergency?.by === action.by && gate.emergency.evidenceDigest === action.evidenceDigest
    case 'ask-changes':
      return gate.state === 'open' && gate.questions.some((asked) => asked.by === action.by && asked.text === action.text)
    case 'answer':
      return gate.state === 'open' && gate.questions.length === 0 && gate.requestedBy === action.by && gate.answered === action.text
    case 'add-reviewer':
      return gate.reviewers.some(({ id, required }) => id === action.reviewer && (required || !action.required))
    case 'withdraw':
      return gate.state === 'withdrawn' && gate.requestedBy === action.by
    case 'void':
      return gate.state === 'voided'
    case 'tick':
      return false
  }
}

function approve(gate: Gate, action: Decision, nowUs: number): GateResult {
  const next = withApproval(gate, action)
  return accepted(missingForApproval(next) === null ? closed(next, 'approved', nowUs) : next, true)
}

function withApproval(gate: Gate, action: Decision): Gate {
  const { by, onBehalfOf = null, roles, evidenceDigest } = action
  return { ...gate, approvals: [...gate.approvals, { by, onBehalfOf, roles: [...roles], evidenceDigest }] }
}

function approveAlone(gate: Gate, action: Extract<GateAction, { kind: 'approve-in-emergency' }>, nowUs: number): GateResult {
  const { by, reason, evidenceDigest } = action
  const dueUs = nowUs + (gate.rules.emergency?.reviewWithinSeconds ?? 0) * 1_000_000
  const next: Gate = {
    ...closed(gate, 'approved', nowUs, `approved by ${by} alone, in an emergency: ${reason}`), emergency: { by, reason, evidenceDigest, atUs: nowUs },
  }
  // Where the others had all approved before, nobody is left to review it.
  const review: Review = missingForApproval(next) === null ? { state: 'confirmed', dueUs, by, endedUs: nowUs } : { state: 'due', dueUs }
  return accepted({ ...next, review }, true)
}

/** A review that comes late still counts: overdue is told of, never passed over. */
function review(gate: Gate, action: Extract<Decision, { kind: 'confirm' | 'overturn' }>, nowUs: number): GateResult {
  const { emergency, review: standing } = gate
  if (emergency === undefined || standing === undefined) {
    return refused(gate, 'conflict', 'nothing here waits for a review: only what was approved in an emergency is reviewed afterwards')
  }
  if (standing.state !== 'due') {
    return refused(gate, 'gate_closed', `the review has ended: ${standing.state}${standing.by === undefined ? '' : ` by ${standing.by}`}; a new request can change what is in force`)
  }
  if (peopleIn(action).includes(emergency.by)) {
    return refused(gate, 'separation_of_duties', `${emergency.by} approved this alone and does not review it; ask another approver`)
  }
  const ended = (state: Review['state'], because?: string): Review =>
    ({ ...standing, state, by: action.by, endedUs: nowUs, ...(because === undefined ? {} : { because }) })
  if (action.kind === 'overturn') {
    return silent(gate, action.reason) ?? barred(gate, action) ?? accepted({ ...gate, review: ended('rejected', action.reason) }, true)
  }
  const refusal = barred(gate, action)
  if (refusal !== undefined) return refusal
  const next = withApproval(gate, action)
  return accepted(missingForApproval(next) === null ? { ...next, review: ended('confirmed') } : next, true)
}

function answer(gate: Gate, { by, text }: Extract<GateAction, { kind: 'answer' }>): GateResult {
  if (by !== gate.requestedBy) return refused(gate, 'forbidden', `only ${gate.requestedBy}, who requested it, answers what was asked; comment instead`)
  if (gate.questions.length === 0) return refused(gate, 'conflict', 'nobody waits for an answer here; comment instead')
  return silent(gate, text) ?? accepted({ ...gate, questions: [], answered: text }, true)
}

function addReviewer(gate: Gate, action: Extract<GateAction, { kind: 'add-reviewer' }>): GateResult {
  const { by, reviewer, required } = action
  if (by !== gate.requestedBy) {
    const refusal = stranger(gate, action)
    if (refusal !== undefined) return refusal
  }
  if (required && isMaker(gate, reviewer)) {
    return refused(gate, 'separation_of_duties', `${reviewer} requested or made this proposal and cannot approve it; name another person`)
  }
  const others = gate.reviewers.filter(({ id }) => id !== reviewer)
  if (others.length >= MOST_REVIEWERS) return refused(gate, 'conflict', `the gate has ${MOST_REVIEWERS} reviewers, which is the most`)
  return accepted({ ...gate, reviewers: [...others, { id: reviewer, required }] }, true)
}

/** Why this voice has no say here; undefined when it has. */
function stranger(gate: Gate, voice: Voice): GateResult | undefined {
  const maker = peopleIn(voice).find((person) => isMaker(gate, person))
  if (maker !== undefined) {
    const part = maker === gate.requestedBy ? 'requested' : 'made'
    const cure = maker !== voice.by ? 'decide for yourself, or for somebody else' : part === 'requested' ? 'withdraw it, or ask another person' : 'ask another person'
    return refused(gate, 'separation_of_duties', `${maker} ${part} this proposal and so cannot decide on it; ${cure}`)
  }
  if (!mayDecide(gate, voice)) {
    const whose = principalOf(voice)
    if (isWanted(gate, whose)) {
      return refused(gate, 'forbidden', `the approval of ${whose} is wanted here, but none of their roles decides at gates any more; ask an admin for one that does, or the requester for a new proposal`)
    }
    return refused(gate, 'forbidden', `deciding here takes one of the roles ${gate.rules.roles.join(', ')}, which ${whose} does not hold`)
  }
  return undefined
}

function barred(gate: Gate, action: Decision): GateResult | undefined {
  const refusal = stranger(gate, action) ?? otherEvidence(gate, action)
  if (refusal !== undefined) return refusal
  const already = peopleIn(action).find((person) => gate.approvals.some((approval) => peopleIn(approval).includes(person)))
  return already === undefined ? undefined : refused(gate, 'conflict', `${already} has already approved, or somebody for them; one person counts once, `
    + 'and decisions are not taken back: another approver can reject, or the requester withdraw')
}

function otherEvidence(gate: Gate, action: { evidenceDigest: string }): GateResult | undefined {
  return action.evidenceDigest === gate.evidenceDigest ? undefined
    : refused(gate, 'evidence_changed', 'the decision was made on other evidence than the gate has now; read the present evidence and decide again')
}

function notInEmergency(gate: Gate, action: Voice & { evidenceDigest: string }): GateResult | undefined {
  const { emergency } = gate.rules
  if (emergency === null) return refused(gate, 'forbidden', 'the family’s rules know no emergency; gather the approvals they ask for')
  if ((action.onBehalfOf ?? null) !== null) return refused(gate, 'forbidden', 'an emergency is declared in one’s own right, never for another')
  if (isMaker(gate, action.by)) return stranger(gate, action)
  if (!action.roles.some((role) => emergency.roles.includes(role))) {
    return refused(gate, 'forbidden', `declaring an emergency takes one of the roles ${emergency.roles.join(', ')}, which ${action.by} does not hold`)
  }
  return otherEvidence(gate, action)
}

function unanswered(gate: Gate): GateResult | undefined {
  const [asked] = gate.questions
  return asked === undefined ? undefined : refused(gate, 'conflict', `${asked.by} asked for changes (“${asked.text.slice(0, 200)}”), and ${gate.requestedBy} has not `
    + 'answered yet: nothing can be approved until they answer or make a new proposal; it can be rejected')
}

function silent(gate: Gate, text: string): GateResult | undefined {
  return text.trim() === '' ? refused(gate, 'invalid', 'say why: this needs a reason in words') : undefined
}

function closed(gate: Gate, state: Exclude<GateState, 'open'>, nowUs: number, because?: string): Gate {
  return { ...gate, state, closedUs: nowUs, ...(because === undefined ? {} : { closedBecause: because }) }
}

function accepted(gate: Gate, changed: boolean): GateResult {
  const outcome = { state: gate.state, approvals: countingApprovals(gate).length, required: gate.rules.requiredApprovals, changed }
  return { ok: true, gate, outcome }
}

function refused(gate: Gate, code: ErrorCode, message: string): GateResult {
  return { ok: false, gate, code, message }
}
