import type { Lane } from '../domain/contract/batch.ts'
import { timestampToUs, toUs, usToTimestamp } from './sql-time.ts'
import type { Tx } from './transaction.ts'

/** A window as it was judged, with what other versions need to judge it. */
export interface JudgedWindow {
  readonly scoreId: string
  readonly lane: Lane
  readonly startUs: number
  readonly endUs: number
  readonly releaseRef: number
  /** NaN where missing. */
  readonly score: number
  readonly confidence: number
  readonly suppressed: boolean
  readonly foldBefore: unknown
  readonly decision: unknown
  readonly featureSetRef: number
  readonly commitNumber: number
  readonly values: Float64Array
}

interface Row {
  score_id: string; lane: Lane; start_us: string; end_us: string; release_ref: number; score: number | null; confidence: number | null; suppressed: boolean
  fold_before: unknown; decision: unknown; feature_set_ref: number; commit_number: string; feature_values: number[]
}

const SELECT = `select s.score_id, s.lane, ${timestampToUs('w.window_start')} as start_us, ${timestampToUs('s.window_end')} as end_us, s.release_ref, s.score, s.confidence, s.suppressed,
    s.fold_before, s.decision, w.feature_set_ref, w.commit_number, w.feature_values
  from score s cross join lateral (select * from feature_window w where w.window_id = s.window_id offset 0) w`

const windowOf = (row: Row): JudgedWindow => ({
  scoreId: row.score_id, lane: row.lane, startUs: toUs(row.start_us), endUs: toUs(row.end_us), releaseRef: row.release_ref, score: row.score ?? NaN,
  confidence: row.confidence ?? NaN, suppressed: row.suppressed, foldBefore: row.fold_before, decision: row.decision, featureSetRef: row.feature_set_ref,
  commitNumber: Number(row.commit_number), values: Float64Array.from(row.feature_values),
})

export interface JudgedCourse { readonly assetRef: number; readonly fromUs: number; readonly toUs: number; readonly lane: Lane | null }

const ofCourse = `s.asset_ref = $1 and s.window_end > ${usToTimestamp('$2')} and s.window_end <= ${usToTimestamp('$3')}
  and s.decision is not null and s.rescore_ref is null and ($4::text is null or s.lane = $4)`

/** The first `limit` windows that decided about a machine, ending in (from, to], in the order of their fold; `lane` null: both. */
export async function judgedWindows(tx: Tx, { assetRef, fromUs, toUs: throughUs, lane }: JudgedCourse, limit: number): Promise<JudgedWindow[]> {
  const { rows } = await tx.query<Row>(`${SELECT} where ${ofCourse} order by s.window_end, s.score_id limit $5`, [assetRef, fromUs, throughUs, lane, limit])
  return rows.map(windowOf)
}

/** How many they are. */
export async function countJudged(tx: Tx, { assetRef, fromUs, toUs: throughUs, lane }: JudgedCourse): Promise<number> {
  const { rows } = await tx.query<{ n: string }>(`select count(*) as n from score s where ${ofCourse}`, [assetRef, fromUs, throughUs, lane])
  return Number(rows[0]?.n ?? 0)
}

/** One window by what was said of it, whatever that decided. */
export async function judgedWindow(tx: Tx, site: string, scoreId: string): Promise<(JudgedWindow & { assetRef: number; asset: string }) | undefined> {
  const { rows: [row] } = await tx.query<Row & { asset_ref: number; asset_id: string }>(
    `select x.*, a.asset_ref, a.asset_id from (${SELECT} where s.site_id = $1 and s.score_id = $2) x join score s using (score_id) join asset a using (asset_ref)`, [site, scoreId])
  return row && { ...windowOf(row), assetRef: row.asset_ref, asset: row.asset_id }
}

/** The alert that a rule's decision raised, or raised again, at each of these scores of a machine; in their order, null where there is none. */
export async function alertsAt(tx: Tx, assetRef: number, places: readonly { scoreId: string | null; rule: string }[]): Promise<(string | null)[]> {
  if (places.length === 0) return []
  const { rows } = await tx.query<{ alert_id: string | null }>(
    `select coalesce(
       (select l.alert_id from alert l where l.asset_ref = $1 and l.rule_id = u.rule and l.raised_score_id = u.score_id limit 1),
       (select l.alert_id from alert l join alert_event e using (alert_id)
        where l.asset_ref = $1 and l.rule_id = u.rule and e.kind = 'raised-again' and e.detail->>'score' = u.score_id::text limit 1)) as alert_id
     from unnest($2::bigint[], $3::text[]) with ordinality as u(score_id, rule, place) order by u.place`,
    [assetRef, places.map(({ scoreId }) => scoreId), places.map(({ rule }) => rule)])
  return rows.map((row) => row.alert_id)
}
