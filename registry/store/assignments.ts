import type { ReviewState } from '../domain/gates/gate.ts'
import { timestampToUs, toUs, usToTimestamp } from './sql-time.ts'
import type { Tx } from './transaction.ts'

export type AssignmentRole = 'champion' | 'challenger' | 'shadow'
/** What people ask for. */
export interface Scope { readonly kind: 'family' | 'line' | 'asset'; readonly id: string }
/** What an assignment is over: also a slice, the machines of a rollout's canary, named by the rollout. */
export interface SeatScope { readonly kind: Scope['kind'] | 'slice'; readonly id: string }

/** Narrowest first: of two assignments that reach an asset, the narrower one judges it. */
export const scopeKinds = ['asset', 'slice', 'line', 'family'] as const satisfies readonly SeatScope['kind'][]
/** SQL: ranks a scope's kind, the narrowest first. */
export const narrowness = (column: string): string => `array_position(array['${scopeKinds.join("', '")}'], ${column})`

/** One role over one scope of a family: what an assignment fills. */
export interface Seat { readonly site: string; readonly family: string; readonly role: AssignmentRole; readonly scope: SeatScope }

export interface Assignment {
  readonly assignmentId: string
  readonly releaseRef: number
  readonly release: string
  readonly fromUs: number
  /** The gate that let the release into the seat, and what its review says where it was an emergency; null: no gate ever did. */
  readonly letInBy: { readonly gate: string; readonly review: ReviewState | null; readonly because: string | null } | null
}

/**
 * SQL for a lateral join: the gate that let the release of the assignment `a` into its seat. Its own, or, where a roll back put
 * the release there again, that of the newest earlier assignment which had one.
 */
export const lettingGate = `(
  select a.gate_id where a.gate_id is not null
  union all
  (select e.gate_id from assignment e
   where a.gate_id is null and e.gate_id is not null and e.release_ref = a.release_ref and e.site_id = a.site_id and e.family_id = a.family_id
     and e.role = a.role and e.scope_kind = a.scope_kind and e.scope_id = a.scope_id and e.holds_from < a.holds_from
   order by e.holds_from desc limit 1))`

interface Row { assignment_id: string; release_ref: number; release_id: string; from_us: string; let_in_by: string | null; review_state: ReviewState | null; review_because: string | null }
const toAssignment = (row: Row): Assignment => ({
  assignmentId: row.assignment_id, releaseRef: row.release_ref, release: row.release_id, fromUs: toUs(row.from_us),
  letInBy: row.let_in_by === null ? null : { gate: row.let_in_by, review: row.review_state, because: row.review_because },
})
const columns = `a.assignment_id, a.release_ref, r.release_id, ${timestampToUs('lower(a.valid)')} as from_us, g.gate_id as let_in_by, g.review_state, g.review_because`
const from = `assignment a join release r using (release_ref) left join lateral ${lettingGate} through on true left join gate g on g.gate_id = through.gate_id`
const ofSeat = 'a.site_id = $1 and a.family_id = $2 and a.role = $3 and a.scope_kind = $4 and a.scope_id = $5'
const seatValues = (seat: Seat): unknown[] => [seat.site, seat.family, seat.role, seat.scope.kind, seat.scope.id]

/**
 * One change of a seat at a time, also while the seat is still empty and there is no row to lock. Held to the end of
 * the transaction; taken before any gate of the seat is looked at for voiding.
 */
export async function lockSeat(tx: Tx, seat: Seat): Promise<void> {
  await tx.query("select pg_advisory_xact_lock(hashtextextended('twinward.seat.' || $1::text, 0))", [seatValues(seat).join('|')])
}

/** SQL: whether the scope of an assignment reaches a machine; `line` and `family` are where it stands. */
export const reaches = (of: { kind: string; id: string }, asset: { id: string; line: string; family: string }): string => `(
  (${of.kind} = 'asset' and ${of.id} = ${asset.id})
  or (${of.kind} = 'slice' and exists (select from slice_asset reached where reached.slice_id = ${of.id} and reached.asset_id = ${asset.id}))
  or (${of.kind} = 'line' and ${of.id} = ${asset.line})
  or (${of.kind} = 'family' and ${of.id} = ${asset.family}))`

/** The gate that made an assignment; null: a roll back did. */
export async function gateOfAssignment(tx: Tx, assignmentId: string): Promise<string | null> {
  const { rows } = await tx.query<{ gate_id: string | null }>('select gate_id from assignment where assignment_id = $1', [assignmentId])
  return rows[0]?.gate_id ?? null
}

/** What fills the seat now, or null. */
export async function currentAssignment(tx: Tx, seat: Seat): Promise<Assignment | null> {
  const { rows } = await tx.query<Row>(
    `select ${columns} from ${from} where ${ofSeat} and upper_inf(a.valid)`, seatValues(seat),
  )
  return rows[0] ? toAssignment(rows[0]) : null
}

/** What filled the seat just before the present assignment, or the latest time that a given release did. */
export const formerAssignment = (tx: Tx, seat: Seat, release?: string): Promise<Assignment | null> =>
  newestFormer(tx, seat, '($6::text is null or r.release_id = $6)', release ?? null)

/** The newest other release that filled the seat and was not overturned: no review rejected that it was let in. */
export const standingFormer = (tx: Tx, seat: Seat, than: { releaseRef: number }): Promise<Assignment | null> =>
  newestFormer(tx, seat, "a.release_ref <> $6 and g.review_state is distinct from 'rejected'", than.releaseRef)

async function newestFormer(tx: Tx, seat: Seat, which: string, value: unknown): Promise<Assignment | null> {
  const { rows } = await tx.query<Row>(
    `select ${columns} from ${from} where ${ofSeat} and not upper_inf(a.valid) and ${which} order by upper(a.valid) desc limit 1`, [...seatValues(seat), value],
  )
  return rows[0] ? toAssignment(rows[0]) : null
}

export interface Switch {
  readonly seat: Seat
  readonly releaseRef: number
  readonly gateId: string | null
  readonly reason: string
  readonly assignedBy: string
  /** Makes the switch idempotent within the site. */
  readonly requestId: string
  readonly nowUs: number
}

/**
 * Closes what fills the seat and opens the next at the very same instant, so that whoever reads, at whatever time,
 * finds exactly one. The caller holds the seat's lock, and announces both (`announceJudging`).
 */
export async function switchAssignment(tx: Tx, next: Switch): Promise<{ assignmentId: string; formerId: string | null; atUs: number }> {
  const former = await currentAssignment(tx, next.seat)
  // Two switches within a microsecond, or a clock set back: a range must not be empty.
  const atUs = former ? Math.max(next.nowUs, former.fromUs + 1) : next.nowUs
  if (former) {
    await tx.query(
      `update assignment set valid = tstzrange(lower(valid), ${usToTimestamp('$2')}) where assignment_id = $1`, [former.assignmentId, atUs],
    )
  }
  return { assignmentId: await openAssignment(tx, next, atUs), formerId: former?.assignmentId ?? null, atUs }
}

/** Fills a seat beside whatever fills it: of releases that only score there may be several. A second champion is refused by the store. */
export async function openAssignment(tx: Tx, next: Omit<Switch, 'nowUs'>, atUs: number): Promise<string> {
  const { rows } = await tx.query<{ assignment_id: string }>(
    `insert into assignment (site_id, family_id, role, scope_kind, scope_id, release_ref, valid, gate_id, reason, assigned_by, request_id)
     values ($1, $2, $3, $4, $5, $6, tstzrange(${usToTimestamp('$7')}, null), $8, $9, $10, $11) returning assignment_id`,
    [...seatValues(next.seat), next.releaseRef, atUs, next.gateId, next.reason, next.assignedBy, next.requestId],
  )
  return (rows[0] as { assignment_id: string }).assignment_id
}

/** Ends what a gate put into a seat, without another in its place; null: nothing of it is there. */
export async function vacateSeat(tx: Tx, seat: Seat, gateId: string, nowUs: number): Promise<string | null> {
  const { rows } = await tx.query<{ assignment_id: string }>(
    `update assignment a set valid = tstzrange(lower(valid), greatest(${usToTimestamp('$7')}, lower(valid) + interval '1 microsecond'))
     where ${ofSeat} and a.gate_id = $6 and upper_inf(a.valid) returning assignment_id`, [...seatValues(seat), gateId, nowUs])
  return rows[0]?.assignment_id ?? null
}

/** The assignment a request made, if it did already. */
export async function assignmentByRequest(tx: Tx, site: string, requestId: string): Promise<(Assignment & { family: string }) | null> {
  const { rows } = await tx.query<Row & { family_id: string }>(
    `select ${columns}, a.family_id from ${from} where a.site_id = $1 and a.request_id = $2`, [site, requestId],
  )
  return rows[0] ? { ...toAssignment(rows[0]), family: rows[0].family_id } : null
}

export interface ReleaseParts {
  readonly releaseRef: number
  readonly release: string
  readonly family: string
  readonly digest: string
  readonly createdBy: string
  readonly modelVersionRef: number
  readonly modelBy: string
  readonly featureSetRef: number
  readonly policyRef: number
  readonly policyBy: string
}

/** A release with who made its parts; by its id or its ref. Null when there is none. */
export async function findRelease(tx: Tx, site: string, by: { release: string } | { releaseRef: number }): Promise<ReleaseParts | null> {
  const { rows } = await tx.query<{
    release_ref: number; release_id: string; family_id: string; digest: string; created_by: string; model_version_ref: number
    model_by: string; feature_set_ref: number; policy_ref: number; policy_by: string
  }>(
    `select r.release_ref, r.release_id, r.family_id, r.digest, r.created_by, r.model_version_ref, m.created_by as model_by,
            r.feature_set_ref, r.policy_ref, p.created_by as policy_by
     from release r join model_version m using (model_version_ref) join policy p using (policy_ref)
     where r.site_id = $1 and (r.release_id = $2 or r.release_ref = $3)`,
    [site, 'release' in by ? by.release : null, 'releaseRef' in by ? by.releaseRef : null],
  )
  const row = rows[0]
  return row ? {
    releaseRef: row.release_ref, release: row.release_id, family: row.family_id, digest: row.digest, createdBy: row.created_by,
    modelVersionRef: row.model_version_ref, modelBy: row.model_by, featureSetRef: row.feature_set_ref, policyRef: row.policy_ref, policyBy: row.policy_by,
  } : null
}
