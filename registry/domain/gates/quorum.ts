import type { Role } from '../access/rights.ts'
import { counted } from '../counted.ts'
import { peopleIn, principalOf, type Gate, type GateApproval } from './gate.ts'
import { seatsOf } from './rules.ts'

/** What is still missing for approval, or for the review of an emergency. */
export interface Missing {
  approvals: number
  roles: { role: Role; count: number }[]
  owner: boolean
  /** Added reviewers whose approval is required. */
  reviewers: string[]
}

/**
 * Approvals that count towards the rules' number: of holders of a role they name. Whoever approved alone in an emergency does
 * not count in its review, whatever they approved before.
 */
export function countingApprovals(gate: Pick<Gate, 'rules' | 'approvals' | 'emergency'>): GateApproval[] {
  const alone = gate.emergency?.by
  return gate.approvals.filter((approval) => approval.roles.some((role) => gate.rules.roles.includes(role))
    && (alone === undefined || !peopleIn(approval).includes(alone)))
}

/** Null when nothing is missing. */
export function missingForApproval(gate: Gate): Missing | null {
  const counting = countingApprovals(gate)
  const approvals = Math.max(0, gate.rules.requiredApprovals - counting.length)
  const roles = emptySeats(seatsOf(gate.rules), counting)
  const alone = gate.emergency?.by
  const owner = gate.rules.ownerMustApprove && (alone === undefined || !gate.owners.includes(alone))
    && !counting.some((approval) => gate.owners.includes(principalOf(approval)))
  const reviewers = gate.reviewers
    .filter(({ id, required }) => required && id !== alone && !gate.approvals.some((approval) => principalOf(approval) === id)).map(({ id }) => id)
  return approvals === 0 && roles.length === 0 && !owner && reviewers.length === 0 ? null : { approvals, roles, owner, reviewers }
}

/**
 * Seats that the approvals leave empty when each fills one, placed as well as can be: somebody with two roles is moved to
 * the other one when that lets a further person count (maximum bipartite matching by augmenting paths, Kuhn 1955).
 */
function emptySeats(wanted: readonly (readonly [Role, number])[], approvals: readonly GateApproval[]): { role: Role; count: number }[] {
  const seats = wanted.flatMap(([role, count]) => Array.from({ length: count }, () => role))
  const taken = new Map<GateApproval, number>()
  const seat = (index: number, tried: Set<GateApproval>): boolean => approvals.some((approval) => {
    const role = seats[index]
    if (role === undefined || tried.has(approval) || !approval.roles.includes(role)) return false
    tried.add(approval)
    const sitsAt = taken.get(approval)
    if (sitsAt !== undefined && !seat(sitsAt, tried)) return false
    taken.set(approval, index)
    return true
  })
  const empty = seats.filter((_, index) => !seat(index, new Set()))
  return wanted.map(([role]) => ({ role, count: empty.filter((other) => other === role).length })).filter(({ count }) => count > 0)
}

/** "1 of 2: reliability-engineer still wanted". */
export function wantedText(gate: Gate): string {
  const { requiredApprovals } = gate.rules
  const missing = missingForApproval(gate)
  if (missing === null) return `${requiredApprovals} of ${requiredApprovals}`
  const named = missing.roles.reduce((sum, { count }) => sum + count, 0)
  // An approval that fills no seat does not bring the end nearer.
  const done = `${requiredApprovals - Math.max(missing.approvals, named)} of ${requiredApprovals}`
  const parts = missing.roles.map(({ role, count }) => (count === 1 ? role : `${count} × ${role}`))
  const open = missing.approvals - named
  if (open > 0) {
    const others = gate.rules.roles.join(' or ')
    parts.push(open === 1 ? others : `${open} × ${others}`)
  }
  if (missing.owner) parts.push('the family’s owner')
  parts.push(...missing.reviewers)
  return `${done}: ${parts.join(', ')} still wanted`
}

/** "2 approvals, 1 of them …": what the rules ask for, for people. */
export function rulesText({ rules }: Pick<Gate, 'rules'>): string {
  const seats = seatsOf(rules).map(([role, count]) => `${count} by ${role}`)
  const by = seats.length > 0 ? `at least ${seats.join(' and ')}, all by ${rules.roles.join(' or ')}` : `by ${rules.roles.join(' or ')}`
  return `${counted(rules.requiredApprovals, 'approval')}, ${by}${rules.ownerMustApprove ? ', the family’s owner among them' : ''}`
}
