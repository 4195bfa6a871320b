import { refuse } from '../domain/errors.ts'
import type { IncidentAnswer, IncidentKind, IncidentState } from '../domain/incidents/incident.ts'
import type { Difference } from '../domain/replay/compare.ts'
import { timestampToUs, toUs, toUsOrNull, usToTimestamp } from './sql-time.ts'
import type { Tx } from './transaction.ts'

/** Where the first replay that showed it differed. */
export interface IncidentDifference extends Difference {
  readonly scoreId: string
  /** Event time. */
  readonly windowEnd: string
  readonly comparison: 'exact' | 'equivalent'
  readonly runtime: { readonly then: string; readonly now: string }
}

export interface IncidentRow {
  readonly incidentId: string
  readonly site: string
  readonly kind: IncidentKind
  readonly state: IncidentState
  readonly family: string
  /** Null: it lies in the release. */
  readonly asset: string | null
  readonly release: string
  readonly model: { readonly name: string; readonly version: number }
  readonly first: IncidentDifference
  readonly windows: number
  /** Of these, those that came out well when they were replayed last. */
  readonly goodAgain: number
  readonly timesSeen: number
  readonly openedUs: number
  readonly openedBy: string
  readonly lastSeenUs: number
  readonly acknowledged: AnsweredBy | null
  readonly closed: AnsweredBy | null
}
export interface AnsweredBy { readonly by: string; readonly atUs: number; readonly comment: string }

export interface IncidentColumns {
  incident_id: string; site_id: string; kind: IncidentKind; state: IncidentState; family_id: string; asset_id: string | null; release_id: string; model: string; version: number
  first_difference: IncidentDifference; windows: number; good_again: number; times_seen: number; opened_us: string; opened_by: string; seen_us: string
  acknowledged_us: string | null; acknowledged_by: string | null; acknowledged_comment: string | null; closed_us: string | null; closed_by: string | null; closed_comment: string | null
}

export const incidentColumns = `i.incident_id, i.site_id, i.kind, i.state, r.family_id, a.asset_id, r.release_id, m.name as model, m.version, i.first_difference,
  w.windows, w.good_again, i.times_seen, ${timestampToUs('i.opened_at')} as opened_us, i.opened_by, ${timestampToUs('i.last_seen_at')} as seen_us,
  ${timestampToUs('i.acknowledged_at')} as acknowledged_us, i.acknowledged_by, i.acknowledged_comment, ${timestampToUs('i.closed_at')} as closed_us, i.closed_by, i.closed_comment`
export const incidentFrom = `incident i join release r on r.release_ref = i.release_ref join model_version m using (model_version_ref) left join asset a on a.asset_ref = i.asset_ref
  cross join lateral (select count(*)::integer as windows, count(good_at)::integer as good_again from incident_window where incident_id = i.incident_id) w`

export function toIncident(row: IncidentColumns): IncidentRow {
  const answered = (us: string | null, by: string | null, comment: string | null): AnsweredBy | null => {
    const atUs = toUsOrNull(us)
    return atUs === null || by === null ? null : { by, atUs, comment: comment ?? '' }
  }
  return {
    incidentId: row.incident_id, site: row.site_id, kind: row.kind, state: row.state, family: row.family_id, asset: row.asset_id, release: row.release_id,
    model: { name: row.model, version: row.version }, first: row.first_difference, windows: row.windows, goodAgain: row.good_again, timesSeen: row.times_seen,
    openedUs: toUs(row.opened_us), openedBy: row.opened_by, lastSeenUs: toUs(row.seen_us),
    acknowledged: answered(row.acknowledged_us, row.acknowledged_by, row.acknowledged_comment), closed: answered(row.closed_us, row.closed_by, row.closed_comment),
  }
}

/** Refuses (`not_found`). */
export async function readIncident(tx: Tx, incidentId: string): Promise<IncidentRow> {
  const { rows } = await tx.query<IncidentColumns>(`select ${incidentColumns} from ${incidentFrom} where i.incident_id = $1`, [incidentId])
  return rows[0] ? toIncident(rows[0]) : refuse('not_found', `there is no incident ${incidentId}; GET /v1/incidents lists them`, { incident: incidentId })
}

/** Locked until the transaction ends. */
export async function lockIncident(tx: Tx, incidentId: string): Promise<IncidentRow> {
  await tx.query('select from incident where incident_id = $1 for update', [incidentId])
  return readIncident(tx, incidentId)
}

export interface Sighting {
  readonly site: string
  readonly kind: IncidentKind
  readonly cause: string
  readonly assetRef: number | null
  readonly releaseRef: number
  readonly first: IncidentDifference
  readonly by: string
  readonly nowUs: number
}

/** Opens an incident, or counts towards the one of this cause that nobody has closed; two at once open one. */
export async function seeIncident(tx: Tx, { site, kind, cause, assetRef, releaseRef, first, by, nowUs }: Sighting): Promise<{ incidentId: string; opened: boolean }> {
  const { rows } = await tx.query<{ incident_id: string; times_seen: number }>(
    `insert into incident (site_id, kind, cause, asset_ref, release_ref, first_difference, opened_at, opened_by, last_seen_at)
     values ($1, $2, $3, $4, $5, $6, ${usToTimestamp('$7')}, $8, ${usToTimestamp('$7')})
     on conflict (site_id, kind, cause) where state <> 'closed'
     do update set times_seen = incident.times_seen + 1, last_seen_at = greatest(incident.last_seen_at, excluded.last_seen_at)
     returning incident_id, times_seen`,
    [site, kind, cause, assetRef, releaseRef, JSON.stringify(first), nowUs, by])
  // An upsert of one row gives one row.
  const row = rows[0] as { incident_id: string; times_seen: number }
  return { incidentId: row.incident_id, opened: row.times_seen === 1 }
}

export async function putFailedWindows(tx: Tx, { site, incidentId, nowUs }: { site: string; incidentId: string; nowUs: number }, windows: readonly { scoreId: string; what: string }[]): Promise<void> {
  await tx.query(
    `insert into incident_window (incident_id, site_id, score_id, what, failed_at)
     select $1, $2, score_id, what, ${usToTimestamp('$3')} from unnest($4::bigint[], $5::text[]) as u(score_id, what)
     on conflict (incident_id, score_id) do update set what = excluded.what, failed_at = excluded.failed_at, good_at = null`,
    [incidentId, site, nowUs, windows.map(({ scoreId }) => scoreId), windows.map(({ what }) => what)])
}

/** Windows of open incidents that came out well this time; `chained`: also what each went on from. Whose trouble was that, nothing less vouches for. */
export async function markGoodAgain(tx: Tx, windows: readonly { scoreId: string; chained: boolean }[], chainedWhat: string, nowUs: number): Promise<void> {
  await tx.query(
    `update incident_window w set good_at = ${usToTimestamp('$1')} from incident i, unnest($2::bigint[], $3::boolean[]) as u(score_id, chained)
     where i.incident_id = w.incident_id and i.state <> 'closed' and w.score_id = u.score_id and (u.chained or w.what <> $4)`,
    [nowUs, windows.map(({ scoreId }) => scoreId), windows.map(({ chained }) => chained), chainedWhat])
}

/** Writes who answered what; the caller holds the row. */
export async function putAnswer(tx: Tx, incidentId: string, { to, by, comment }: IncidentAnswer, nowUs: number): Promise<void> {
  await tx.query(
    `update incident set state = $2, ${to}_at = ${usToTimestamp('$3')}, ${to}_by = $4, ${to}_comment = $5 where incident_id = $1 and state <> 'closed'`,
    [incidentId, to, nowUs, by, comment])
}
