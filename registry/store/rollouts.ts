import type { Criticality } from '../domain/contract/hierarchy.ts'
import { refuse } from '../domain/errors.ts'
import type { GuardReading } from '../domain/rollout/guards.ts'
import { dwellUs, rolloutPlanSchema, type RolloutPlan, type RolloutStage } from '../domain/rollout/plan.ts'
import type { Rollout, RolloutState } from '../domain/rollout/rollout.ts'
import { reaches, type Scope, type Seat } from './assignments.ts'
import { timestampToUs, toUs, toUsOrNull, usToTimestamp } from './sql-time.ts'
import type { Tx } from './transaction.ts'

/** A rollout as stored; named like the gate that let it begin. */
export interface RolloutRow extends Rollout {
  readonly rolloutId: string
  readonly site: string
  readonly family: string
  readonly scope: Scope
  readonly releaseRef: number
  readonly release: string
  /** Null: nothing judged before. */
  readonly former: { readonly releaseRef: number; readonly release: string } | null
  readonly startedUs: number
  /** Scores above the id, of windows that end later, were made in this stage. */
  readonly stageAfter: { readonly scoreId: string; readonly windowUs: number }
}

/** The seat that it is to fill in the end; whoever changes a rollout holds it. */
export const seatOfRollout = ({ site, family, scope }: Pick<RolloutRow, 'site' | 'family' | 'scope'>): Seat => ({ site, family, role: 'champion', scope })

interface Row {
  rollout_id: string; site_id: string; family_id: string; scope_kind: Scope['kind']; scope_id: string; release_ref: number; release_id: string
  former_ref: number | null; former_id: string | null; plan: unknown; stage: RolloutStage; state: RolloutState; started_us: string; since_us: string
  after_score: string; after_us: string; ready_us: string | null; ended_us: string | null; ended_by: string | null; ended_because: string | null
}

export const rolloutColumns = `o.rollout_id, o.site_id, o.family_id, o.scope_kind, o.scope_id, o.release_ref, r.release_id, o.former_release_ref as former_ref, f.release_id as former_id,
  o.plan, o.stage, o.state, ${timestampToUs('o.started_at')} as started_us, ${timestampToUs('o.stage_since')} as since_us, o.stage_after_score as after_score,
  ${timestampToUs('o.stage_after_window')} as after_us, ${timestampToUs('o.ready_at')} as ready_us, ${timestampToUs('o.ended_at')} as ended_us, o.ended_by, o.ended_because`
export const rolloutFrom = 'rollout o join release r on r.release_ref = o.release_ref left join release f on f.release_ref = o.former_release_ref'
export type RolloutColumns = Row

export function toRollout(row: Row): RolloutRow {
  return {
    rolloutId: row.rollout_id, site: row.site_id, family: row.family_id, scope: { kind: row.scope_kind, id: row.scope_id }, releaseRef: row.release_ref, release: row.release_id,
    former: row.former_ref === null || row.former_id === null ? null : { releaseRef: row.former_ref, release: row.former_id },
    plan: rolloutPlanSchema.parse(row.plan), stage: row.stage, state: row.state, startedUs: toUs(row.started_us), stageSinceUs: toUs(row.since_us),
    stageAfter: { scoreId: row.after_score, windowUs: toUs(row.after_us) },
    ...(row.ready_us !== null && { readyUs: toUs(row.ready_us) }), ...(row.ended_us !== null && { endedUs: toUs(row.ended_us) }),
    ...(row.ended_by !== null && { endedBy: row.ended_by }), ...(row.ended_because !== null && { endedBecause: row.ended_because }),
  }
}

/** Refuses (`not_found`). */
export async function readRollout(tx: Tx, rolloutId: string): Promise<RolloutRow> {
  return await findRollout(tx, 'o.rollout_id = $1', [rolloutId])
    ?? refuse('not_found', `there is no rollout ${rolloutId}; GET /v1/rollouts lists them`, { rollout: rolloutId })
}

/** Locked until the transaction ends; the caller holds its seat. */
export async function lockRollout(tx: Tx, rolloutId: string): Promise<RolloutRow> {
  await tx.query('select from rollout where rollout_id = $1 for update', [rolloutId])
  return readRollout(tx, rolloutId)
}

/** The one rollout of the family that runs; null: none. */
export const runningRollout = (tx: Tx, of: { site: string; family: string }): Promise<RolloutRow | null> =>
  findRollout(tx, "o.site_id = $1 and o.family_id = $2 and o.state = 'running'", [of.site, of.family])

/** The rollout that a gate let begin, while it runs; null: it does not, or there never was one. */
export const runningRolloutOfGate = (tx: Tx, gateId: string): Promise<RolloutRow | null> => findRollout(tx, "o.rollout_id = $1 and o.state = 'running'", [gateId])

/** The rollout that a request stopped already. */
export const rolloutStoppedBy = (tx: Tx, site: string, requestId: string): Promise<RolloutRow | null> =>
  findRollout(tx, 'o.site_id = $1 and o.stop_request = $2', [site, requestId])

async function findRollout(tx: Tx, where: string, values: unknown[]): Promise<RolloutRow | null> {
  const { rows } = await tx.query<Row>(`select ${rolloutColumns} from ${rolloutFrom} where ${where}`, values)
  return rows[0] ? toRollout(rows[0]) : null
}

/** One rollout of a family at a time begins; held to the end of the transaction, taken after the seat. */
export async function lockRolloutsOf(tx: Tx, of: { site: string; family: string }): Promise<void> {
  await tx.query("select pg_advisory_xact_lock(hashtextextended('twinward.rollout.' || $1::text, 0))", [`${of.site}|${of.family}`])
}

export interface RolloutDraft extends Rollout, Pick<RolloutRow, 'rolloutId' | 'site' | 'family' | 'scope' | 'releaseRef'> { readonly formerRef: number | null; readonly nowUs: number }

export async function insertRollout(tx: Tx, draft: RolloutDraft): Promise<void> {
  const { scoreId, windowUs } = await standOfStore(tx, draft)
  await tx.query(
    `insert into rollout (rollout_id, site_id, family_id, release_ref, former_release_ref, scope_kind, scope_id, plan, stage, state, started_at, stage_since, stage_after_score,
                          stage_after_window, ended_at, ended_by)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, ${usToTimestamp('$11')}, ${usToTimestamp('$12')}, $13, ${usToTimestamp('$14')}, ${usToTimestamp('$15')}, $16)`,
    [draft.rolloutId, draft.site, draft.family, draft.releaseRef, draft.formerRef, draft.scope.kind, draft.scope.id, JSON.stringify(draft.plan), draft.stage, draft.state,
      draft.nowUs, draft.stageSinceUs, scoreId, windowUs, draft.endedUs ?? null, draft.endedBy ?? null])
  const { canary } = draft.plan
  if (canary !== null) {
    await tx.query('insert into slice_asset (slice_id, site_id, asset_id) select $1, $2, unnest($3::text[])', [draft.rolloutId, draft.site, canary.assets])
  }
}

/** Writes where it stands now; a new stage is judged by what comes from here on. */
export async function updateRollout(tx: Tx, before: RolloutRow, after: Rollout, stopRequest: string | null = null): Promise<void> {
  const { scoreId, windowUs } = after.stageSinceUs === before.stageSinceUs ? before.stageAfter : await standOfStore(tx, before)
  await tx.query(
    `update rollout set stage = $2, state = $3, stage_since = ${usToTimestamp('$4')}, stage_after_score = $5, stage_after_window = ${usToTimestamp('$6')},
            ready_at = ${usToTimestamp('$7')}, ended_at = ${usToTimestamp('$8')}, ended_by = $9, ended_because = $10, stop_request = coalesce($11, stop_request)
     where rollout_id = $1 and state = 'running'`,
    [before.rolloutId, after.stage, after.state, after.stageSinceUs, scoreId, windowUs, after.readyUs ?? null, after.endedUs ?? null, after.endedBy ?? null,
      after.endedBecause ?? null, stopRequest])
}

/** Since when what a gate let in judged any machine, its canary's first; null: it only cast its shadow. */
export async function judgedSince(tx: Tx, gateId: string): Promise<number | null> {
  const { rows } = await tx.query<{ since_us: string | null }>(`select ${timestampToUs('min(lower(valid))')} as since_us from assignment where gate_id = $1 and role = 'champion'`, [gateId])
  return toUsOrNull(rows[0]?.since_us ?? null)
}

/** The newest score, and how far the family's live lanes have come, the last of them. */
async function standOfStore(tx: Tx, { site, family }: { site: string; family: string }): Promise<{ scoreId: string; windowUs: number }> {
  const { rows } = await tx.query<{ score_id: string; window_us: string | null }>(
    `select (select coalesce(max(score_id), 0) from score) as score_id,
            (select ${timestampToUs('min(l.closed_through)')} from asset_lane l join asset_version v using (asset_ref)
             where l.site_id = $1 and v.family_id = $2 and upper_inf(v.valid) and l.lane = 'live') as window_us`, [site, family])
  const row = rows[0] as { score_id: string; window_us: string | null }
  return { scoreId: row.score_id, windowUs: toUsOrNull(row.window_us) ?? 0 }
}

export interface ScopeAsset { readonly assetRef: number; readonly asset: string; readonly criticality: Criticality; readonly judgedOtherwise: string | null }

/** Machines that stand in a scope now, by id; of those that a narrower assignment judges, by which scope. */
export async function assetsOfScope(tx: Tx, { site, family, scope }: { site: string; family: string; scope: Scope }, nowUs: number): Promise<ScopeAsset[]> {
  const { rows } = await tx.query<{ asset_ref: number; asset_id: string; criticality: Criticality | null; narrower: string | null }>(
    `select a.asset_ref, a.asset_id, v.business->>'criticality' as criticality,
            (select n.scope_kind || ' ' || n.scope_id from assignment n
             where n.site_id = a.site_id and n.family_id = $2 and n.role = 'champion' and n.holds_to > ${usToTimestamp('$5')} and n.holds_from <= ${usToTimestamp('$5')}
               and n.scope_kind <> $3 and n.scope_kind <> 'family' and n.scope_kind <> 'slice'
               and ${reaches({ kind: 'n.scope_kind', id: 'n.scope_id' }, { id: 'a.asset_id', line: 'v.line_id', family: 'v.family_id' })} limit 1) as narrower
     from asset a join asset_version v on v.asset_ref = a.asset_ref and v.valid @> ${usToTimestamp('$5')}
     where a.site_id = $1 and v.family_id = $2 and ${reaches({ kind: '$3', id: '$4' }, { id: 'a.asset_id', line: 'v.line_id', family: 'v.family_id' })}
     order by a.asset_id`, [site, family, scope.kind, scope.id, nowUs])
  return rows.map((row) => ({ assetRef: row.asset_ref, asset: row.asset_id, criticality: row.criticality ?? 'medium', judgedOtherwise: row.narrower }))
}

/** Parts of a stage of which one look each is kept. */
const PARTS = 200

/** Keeps what the guards saw; of looks in the same part of the stage the newest stays. */
export async function putCheck(tx: Tx, rollout: RolloutRow, check: { windows: number; readings: readonly GuardReading[]; nowUs: number }): Promise<void> {
  await tx.query(
    `insert into rollout_check (rollout_id, site_id, stage, part, checked_at, windows, readings) values ($1, $2, $3, $4, ${usToTimestamp('$5')}, $6, $7)
     on conflict (rollout_id, stage, part) do update set checked_at = excluded.checked_at, windows = excluded.windows, readings = excluded.readings`,
    [rollout.rolloutId, rollout.site, rollout.stage, partOf(rollout.plan, rollout.stage, check.nowUs - rollout.stageSinceUs), check.nowUs, check.windows, JSON.stringify(check.readings)])
}

function partOf(plan: RolloutPlan, stage: RolloutStage, sinceUs: number): number {
  const lengthUs = Math.max(dwellUs(plan, stage), plan.checkEverySeconds * PARTS * 1e6)
  // What waits beyond its time for windows, or for somebody, is looked at on; the last part holds the newest look.
  return Math.min(PARTS, Math.floor((Math.max(0, sinceUs) * PARTS) / lengthUs))
}

export interface KeptCheck { readonly stage: RolloutStage; readonly atUs: number; readonly windows: number; readonly readings: readonly GuardReading[] }

export async function checksOf(tx: Tx, rolloutId: string): Promise<KeptCheck[]> {
  const { rows } = await tx.query<{ stage: RolloutStage; at_us: string; windows: number; readings: GuardReading[] }>(
    `select stage, ${timestampToUs('checked_at')} as at_us, windows, readings from rollout_check where rollout_id = $1 order by checked_at`, [rolloutId])
  return rows.map((row) => ({ stage: row.stage, atUs: toUs(row.at_us), windows: row.windows, readings: row.readings }))
}

/** Rollouts that run, of all sites; what the reconciler waits for. */
export async function openRollouts(tx: Tx, most: number): Promise<{ site: string; rolloutId: string }[]> {
  const { rows } = await tx.query<{ site_id: string; rollout_id: string }>("select site_id, rollout_id from rollout where state = 'running' order by started_at limit $1", [most])
  return rows.map((row) => ({ site: row.site_id, rolloutId: row.rollout_id }))
}
