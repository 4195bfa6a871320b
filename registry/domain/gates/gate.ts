import type { Role } from '../access/rights.ts'
import { refuse } from '../errors.ts'
import type { GateRules } from './rules.ts'

export const gateStates = ['open', 'approved', 'rejected', 'expired', 'withdrawn', 'voided'] as const
export type GateState = (typeof gateStates)[number]

/**
 * Whoever decides: a person, or a person for another who delegated to them. The roles are those of whom the decision is, as
 * looked up for this decision; none where that person may not decide at gates at all.
 */
export interface Voice {
  readonly by: string
  readonly onBehalfOf?: string | null
  readonly roles: readonly Role[]
}

export interface GateApproval {
  by: string
  onBehalfOf: string | null
  roles: Role[]
  evidenceDigest: string
}

/** Approved by one person alone, for a reason they declared. */
export interface Emergency { by: string; reason: string; evidenceDigest: string; atUs: number }

/** What the normal approvers say of an emergency afterwards. */
export interface Review { state: ReviewState; dueUs: number; by?: string; because?: string; endedUs?: number }
export const reviewStates = ['due', 'confirmed', 'rejected'] as const
export type ReviewState = (typeof reviewStates)[number]

/** Changes asked for and not answered yet. */
export interface Question { by: string; text: string; atUs: number }

export interface Reviewer { id: string; required: boolean }

/** A change of what judges machines, waiting for approvals: plain JSON, the whole truth the machine needs. */
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
  /** Approvals, and confirmations of an emergency: both by the same rules. */
  approvals: GateApproval[]
  reviewers: Reviewer[]
  questions: Question[]
  /** The newest answer to what was asked, for those who send it twice. */
  answered?: string
  emergency?: Emergency
  review?: Review
  rejectedBy?: string
  closedUs?: number
  closedBecause?: string
}

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
  const gate: Gate = {
    ...opening, authors: [...opening.authors], owners: [...opening.owners], state: 'open', approvals: [], reviewers: [], questions: [],
  }
  if (gate.rules.ownerMustApprove && gate.owners.every((owner) => isMaker(gate, owner))) {
    refuse('invalid', 'an owner must approve, but every owner of the family requested or made this proposal, so nobody could ever '
      + 'approve it; name another owner, or let somebody else request it', { owners: gate.owners })
  }
  return gate
}

/** The people in a decision: whoever took it, and whoever it was taken for. */
export const peopleIn = ({ by, onBehalfOf }: Pick<Voice, 'by' | 'onBehalfOf'>): string[] => (typeof onBehalfOf === 'string' ? [by, onBehalfOf] : [by])

/** Whose decision it is. */
export const principalOf = ({ by, onBehalfOf }: Pick<Voice, 'by' | 'onBehalfOf'>): string => onBehalfOf ?? by

export const isMaker = (gate: Pick<Gate, 'requestedBy' | 'authors'>, person: string): boolean =>
  person === gate.requestedBy || gate.authors.includes(person)

/** Holds a role that the rules ask for, or was named as one whose approval is wanted and may still decide at gates. */
export const mayDecide = (gate: Pick<Gate, 'rules' | 'reviewers'>, voice: Voice): boolean =>
  voice.roles.some((role) => gate.rules.roles.includes(role)) || (voice.roles.length > 0 && isWanted(gate, principalOf(voice)))

/** Named as a reviewer whose approval is required. */
export const isWanted = (gate: Pick<Gate, 'reviewers'>, person: string): boolean => gate.reviewers.some(({ id, required }) => required && id === person)
