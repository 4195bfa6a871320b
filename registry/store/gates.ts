import type { GateState, ReviewState } from '../domain/gates/gate.ts'
import { gateRulesSchema, type GateRules } from '../domain/gates/rules.ts'
import type { GateKind, ReleaseGateKind } from '../domain/governance/family.ts'
import { refuse } from '../domain/errors.ts'
import { rolloutPlanSchema, type RolloutPlan } from '../domain/rollout/plan.ts'
import type { AssignmentRole, Scope, SeatScope } from './assignments.ts'
import { timestampToUs, toUs, toUsOrNull, usToTimestamp } from './sql-time.ts'
import type { Tx } from './transaction.ts'

/** A gate as stored: what it changes, what it replaces, and where its decision stands. */
export type GateRow = ReleaseGate | GovernanceGate

/** Puts a release into a seat. */
export interface ReleaseGate extends GateBase {
  readonly kind: ReleaseGateKind
  readonly releaseRef: number
  readonly role: AssignmentRole
  readonly replacesReleaseRef: number | null
  /** How it comes into force once approved; null: at once. */
  readonly rollout: RolloutPlan | null
}

/** Puts another version of a family's governance in force. */
export interface GovernanceGate extends GateBase {
  readonly kind: 'change-governance'
  readonly governanceVersion: number
  /** 0: the defaults. */
  readonly replacesVersion: number
}

interface GateBase {
  readonly gateId: string
  readonly site: string
  readonly family: string
  readonly scope: Scope
  readonly rules: GateRules
  readonly state: GateState | 'collecting'
  readonly evidenceDigest: string | null
  readonly evidenceCommit: number | null
  readonly reason: string
  readonly requestedBy: string
  readonly authors: readonly string[]
  readonly requestedAtUs: number
  /** Since when the change is waited for: earlier than the request where this gate takes the place of one with older evidence. */
  readonly waitsSinceUs: number
  readonly expiresAtUs: number
  readonly closedUs: number | null
  readonly closedBecause: string | null
  /** Null of what was not approved in an emergency. */
  readonly review: { readonly state: ReviewState; readonly dueUs: number; readonly endedUs: number | null; readonly because: string | null } | null
  /** How many steps of the escalation were told, and how often that the review is overdue. */
  readonly escalationLevel: number
  readonly overdueLevel: number
}

export type GateDraft = ReleaseDraft | GovernanceDraft
interface ReleaseDraft extends DraftBase, Pick<ReleaseGate, 'kind' | 'releaseRef' | 'role' | 'replacesReleaseRef'>, Partial<Pick<ReleaseGate, 'rollout'>> {}
interface GovernanceDraft extends DraftBase, Pick<GovernanceGate, 'kind' | 'governanceVersion' | 'replacesVersion'> {}
interface DraftBase {
  readonly gateId: string
  readonly site: string
  readonly family: string
  readonly scope: Scope
  readonly rules: GateRules
  readonly reason: string
  readonly requestedBy: string
  readonly authors: readonly string[]
  readonly nowUs: number
  /** The gate whose place it takes: escalation goes on where it stood there. */
  readonly goesOn?: Pick<GateBase, 'waitsSinceUs' | 'escalationLevel'>
}

/** Refuses (`conflict`) a second open gate for the same change. */
export async function insertGate(tx: Tx, gate: GateDraft): Promise<void> {
  const { rowCount } = await tx.query(
    `insert into gate (gate_id, site_id, family_id, kind, release_ref, role, scope_kind, scope_id, replaces_release_ref, rules, reason,
                       requested_by, author_id, authors, requested_at, expires_at, workflow_id, governance_version, replaces_governance_version, waits_since, escalation_level, rollout)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, ${usToTimestamp('$15')}, ${usToTimestamp('$16')}, $17, $18, $19, ${usToTimestamp('$20')}, $21, $22)
     on conflict do nothing`,
    [gate.gateId, gate.site, gate.family, gate.kind, ...(gate.kind === 'change-governance' ? [null, null] : [gate.releaseRef, gate.role]),
      gate.scope.kind, gate.scope.id, gate.kind === 'change-governance' ? null : gate.replacesReleaseRef, JSON.stringify(gate.rules), gate.reason, gate.requestedBy, gate.authors[0] ?? gate.requestedBy, gate.authors, gate.nowUs,
      gate.rules.expiresAtUs, `gate/${gate.gateId}`, ...(gate.kind === 'change-governance' ? [gate.governanceVersion, gate.replacesVersion] : [null, null]),
      gate.goesOn?.waitsSinceUs ?? null, gate.goesOn?.escalationLevel ?? 0, gate.kind === 'change-governance' || !gate.rollout ? null : JSON.stringify(gate.rollout)],
  )
  if (rowCount === 1) return
  const [sql, values] = gate.kind === 'change-governance'
    ? ["site_id = $1 and family_id = $2 and kind = 'change-governance'", [gate.site, gate.family]] as const
    : ['site_id = $1 and release_ref = $2 and role = $3 and scope_kind = $4 and scope_id = $5', [gate.site, gate.releaseRef, gate.role, gate.scope.kind, gate.scope.id]] as const
  const { rows } = await tx.query<{ gate_id: string }>(`select gate_id from gate where ${sql} and state in ('collecting', 'open')`, [...values])
  const what = gate.kind === 'change-governance' ? `another change of ${gate.family}’s governance waits` : 'this very change waits'
  refuse('conflict', `${what} at gate ${rows[0]?.gate_id} already; decide or withdraw that one${gate.kind === 'change-governance' ? '' : ', or ask again with insteadOf to have this take its place'}`, { gate: rows[0]?.gate_id })
}

export const gateColumns = `g.gate_id, g.site_id, g.family_id, g.kind, g.release_ref, g.role, g.scope_kind, g.scope_id, g.replaces_release_ref, g.rules,
  g.state, g.evidence_digest, g.evidence_commit, g.reason, g.requested_by, g.authors, ${timestampToUs('g.requested_at')} as requested_us,
  ${timestampToUs('coalesce(g.waits_since, g.requested_at)')} as waits_since_us, ${timestampToUs('g.expires_at')} as expires_us, ${timestampToUs('g.closed_at')} as closed_us, g.closed_because,
  g.review_state, ${timestampToUs('g.review_due_at')} as review_due_us, ${timestampToUs('g.review_ended_at')} as review_ended_us, g.review_because,
  g.escalation_level, g.overdue_level, g.governance_version, g.replaces_governance_version, g.rollout`

export interface GateColumns {
  gate_id: string; site_id: string; family_id: string; kind: GateKind; release_ref: number | null; role: AssignmentRole | null
  governance_version: number | null; replaces_governance_version: number | null; scope_kind: Scope['kind']; scope_id: string; replaces_release_ref: number | null; rules: unknown; state: GateRow['state']
  evidence_digest: string | null; evidence_commit: string | null; reason: string; requested_by: string
  authors: string[]; requested_us: string; waits_since_us: string; expires_us: string; closed_us: string | null; closed_because: string | null
  review_state: ReviewState | null; review_due_us: string | null; review_ended_us: string | null; review_because: string | null
  escalation_level: number; overdue_level: number; rollout: unknown
}

export function toGateRow(row: GateColumns): GateRow {
  const base = baseOf(row)
  // A check of the table holds the one or the other to be there.
  return row.kind === 'change-governance'
    ? { ...base, kind: row.kind, governanceVersion: row.governance_version as number, replacesVersion: row.replaces_governance_version as number }
    : { ...base, kind: row.kind, releaseRef: row.release_ref as number, role: row.role as AssignmentRole, replacesReleaseRef: row.replaces_release_ref,
      rollout: row.rollout === null ? null : rolloutPlanSchema.parse(row.rollout) }
}

const baseOf = (row: GateColumns): GateBase => ({
  gateId: row.gate_id, site: row.site_id, family: row.family_id, scope: { kind: row.scope_kind, id: row.scope_id }, rules: gateRulesSchema.parse(row.rules),
  state: row.state, evidenceDigest: row.evidence_digest,
  evidenceCommit: row.evidence_commit === null ? null : Number(row.evidence_commit),
  reason: row.reason, requestedBy: row.requested_by, authors: row.authors, requestedAtUs: toUs(row.requested_us), waitsSinceUs: toUs(row.waits_since_us), expiresAtUs: toUs(row.expires_us),
  closedUs: toUsOrNull(row.closed_us), closedBecause: row.closed_because,
  review: row.review_state === null ? null : {
    state: row.review_state, dueUs: Number(row.review_due_us), endedUs: toUsOrNull(row.review_ended_us), because: row.review_because,
  },
  escalationLevel: row.escalation_level, overdueLevel: row.overdue_level,
})

/** The gate as it is, without a lock. Refuses (`not_found`). */
export async function readGate(tx: Tx, gateId: string): Promise<GateRow> {
  const { rows } = await tx.query<GateColumns>(`select ${gateColumns} from gate g where g.gate_id = $1`, [gateId])
  return rows[0] ? toGateRow(rows[0]) : noGate(tx, gateId)
}

/** A gate for a release. Refuses (`conflict`) another. */
export function releaseGate(row: GateRow): ReleaseGate {
  return row.kind === 'change-governance' ? refuse('conflict', `gate ${row.gateId} changes governance, no release`, { gate: row.gateId }) : row
}

/** Whether any change was ever asked for in the family. */
export async function everAsked(tx: Tx, site: string, family: string): Promise<boolean> {
  return (await tx.query('select from gate where site_id = $1 and family_id = $2 limit 1', [site, family])).rowCount === 1
}

/** Other gates of a family that wait; for when its rules change under them. */
export async function otherGatesOf(tx: Tx, gate: { site: string; family: string; gateId: string }): Promise<GateRow[]> {
  const { rows } = await tx.query<GateColumns>(
    `select ${gateColumns} from gate g where g.site_id = $1 and g.family_id = $2 and g.gate_id <> $3 and g.state in ('collecting', 'open') order by g.gate_id for update`,
    [gate.site, gate.family, gate.gateId])
  return rows.map(toGateRow)
}

function noGate(tx: Tx, gateId: string): never {
  return refuse('not_found', `there is no gate ${gateId} at site ${tx.site}`, { gate: gateId })
}

/** The gate, locked until the transaction ends: two decisions are taken one after the other. Refuses (`not_found`). */
export async function lockGate(tx: Tx, gateId: string): Promise<GateRow> {
  const { rows } = await tx.query<GateColumns>(`select ${gateColumns} from gate g where g.gate_id = $1 for update`, [gateId])
  return rows[0] ? toGateRow(rows[0]) : noGate(tx, gateId)
}

export async function closeGateRow(tx: Tx, gateId: string, state: Exclude<GateState, 'open'>, nowUs: number, because: string | null): Promise<void> {
  await tx.query(
    `update gate set state = $2, closed_at = ${usToTimestamp('$3')}, closed_because = $4 where gate_id = $1`, [gateId, state, nowUs, because],
  )
}

/** The review of an emergency falls due at a time. */
export async function setReviewDue(tx: Tx, gateId: string, dueUs: number): Promise<void> {
  await tx.query(`update gate set review_state = 'due', review_due_at = ${usToTimestamp('$2')} where gate_id = $1`, [gateId, dueUs])
}

export async function endReview(tx: Tx, gateId: string, end: { state: 'confirmed' | 'rejected'; because: string | null; nowUs: number }): Promise<void> {
  await tx.query(
    `update gate set review_state = $2, review_because = $3, review_ended_at = ${usToTimestamp('$4')} where gate_id = $1 and review_state = 'due'`,
    [gateId, end.state, end.because, end.nowUs],
  )
}

/** Notes how far a gate was told on; levels only rise. */
export async function noteTold(tx: Tx, gateId: string, told: { escalation?: number; overdue?: number }): Promise<void> {
  await tx.query(
    'update gate set escalation_level = greatest(escalation_level, $2), overdue_level = greatest(overdue_level, $3) where gate_id = $1',
    [gateId, told.escalation ?? 0, told.overdue ?? 0],
  )
}

/** Freezes the evidence: from here on approvals bind to its digest. */
export async function openGateRow(tx: Tx, gateId: string, evidence: { body: unknown; digest: string; commitNumber: number; nowUs: number }): Promise<void> {
  await tx.query(
    `update gate set state = 'open', evidence = $2, evidence_digest = $3, evidence_commit = $4, evidence_at = ${usToTimestamp('$5')} where gate_id = $1 and state = 'collecting'`,
    [gateId, JSON.stringify(evidence.body), evidence.digest, evidence.commitNumber, evidence.nowUs],
  )
}

/** Other gates waiting to change the same role over the same scope: what they would replace is about to change. */
export async function rivalGates(tx: Tx, gate: { site: string; family: string; role: AssignmentRole; scope: SeatScope }, except: string | null): Promise<string[]> {
  const { rows } = await tx.query<{ gate_id: string }>(
    `select gate_id from gate where site_id = $1 and family_id = $2 and role = $3 and scope_kind = $4 and scope_id = $5
       and state in ('collecting', 'open') and gate_id is distinct from $6 order by gate_id for update`,
    [gate.site, gate.family, gate.role, gate.scope.kind, gate.scope.id, except],
  )
  return rows.map((row) => row.gate_id)
}

export interface OpenGate { readonly site: string; readonly gateId: string; readonly kind: GateKind; readonly expiresAtUs: number }

/** Gates that wait for a decision or for the review of one, for the reconciler. */
export async function openGates(tx: Tx, limit = 1000): Promise<OpenGate[]> {
  const { rows } = await tx.query<{ site_id: string; gate_id: string; kind: GateKind; expires_us: string }>(
    `select site_id, gate_id, kind, ${timestampToUs('expires_at')} as expires_us from gate
     where state in ('collecting', 'open') or review_state = 'due' order by requested_at limit $1`, [limit],
  )
  return rows.map((row) => ({ site: row.site_id, gateId: row.gate_id, kind: row.kind, expiresAtUs: toUs(row.expires_us) }))
}
