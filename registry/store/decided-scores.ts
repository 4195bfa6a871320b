import type { Lane } from '../domain/contract/batch.ts'
import { isDecisionState } from '../domain/policy/decide.ts'
import { timestampToUs, toUs, usToTimestamp } from './sql-time.ts'
import type { Tx } from './transaction.ts'

export interface DecidedScore { readonly scoreId: string; readonly lane: Lane; readonly windowEndUs: number; readonly release: string }

interface Row { score_id: string; lane: Lane; end_us: string; release_id: string }
const COLUMNS = `s.score_id, s.lane, ${timestampToUs('s.window_end')} as end_us, r.release_id`
const fromRow = (row: Row): DecidedScore => ({ scoreId: row.score_id, lane: row.lane, windowEndUs: toUs(row.end_us), release: row.release_id })

/**
 * The scores that decided about a machine, windows ending in (from, to], in the order of their fold; what a rescore wrote
 * since is not among them. `lane` null: both.
 * `most` of them, and those of the other lane that end with the last: whoever goes on from that end misses none.
 */
export async function decidedScores(
  tx: Tx, { assetRef, fromUs, toUs: throughUs, lane }: { assetRef: number; fromUs: number; toUs: number; lane: Lane | null }, most: number,
): Promise<{ scores: DecidedScore[]; more: boolean }> {
  const decidedAfter = (from: string) => `s.asset_ref = $1 and s.window_end > ${from} and s.window_end <= ${usToTimestamp('$3')}
    and s.decision is not null and s.rescore_ref is null and ($4::text is null or s.lane = $4)`
  const { rows } = await tx.query<Row & { more: boolean }>(
    `with part as (
       select ${COLUMNS}, s.window_end from score s join release r using (release_ref)
       where ${decidedAfter(usToTimestamp('$2'))} order by s.window_end fetch first ($5::bigint) rows with ties
     )
     select score_id, lane, end_us, release_id, exists (select from score s where ${decidedAfter('(select max(window_end) from part)')}) as more
     from part order by window_end, score_id`,
    [assetRef, fromUs, throughUs, lane, most])
  return { scores: rows.map(fromRow), more: rows[0]?.more ?? false }
}

/** In each of these lanes the last score that decided about a machine before or at an instant: what the next one went on from. */
export async function lastDecided(tx: Tx, assetRef: number, lanes: readonly Lane[], throughUs: number): Promise<DecidedScore[]> {
  const { rows } = await tx.query<Row>(
    `select last.* from unnest($2::text[]) as u(lane)
     cross join lateral (
       select ${COLUMNS} from score s join release r using (release_ref)
       where s.asset_ref = $1 and s.lane = u.lane and s.window_end <= ${usToTimestamp('$3')} and s.decision is not null and s.rescore_ref is null
       order by s.window_end desc, s.score_id desc limit 1
     ) last`, [assetRef, lanes, throughUs])
  return rows.map(fromRow)
}

/**
 * The event time that an alert's decisions lie in: from the first window in which its rule held, as the fold had it when
 * the alert was raised, through the window that cleared it, or the newest there can be. Undefined: there is no such alert.
 */
export async function alertCourse(tx: Tx, site: string, alertId: string): Promise<{ asset: string; assetRef: number; fromUs: number; toUs: number } | undefined> {
  const { rows } = await tx.query<{ asset_id: string; asset_ref: number; rule_id: string; fold_before: unknown; end_us: string; to_us: string }>(
    `select a.asset_id, a.asset_ref, al.rule_id, s.fold_before, ${timestampToUs('s.window_end')} as end_us, ${timestampToUs('coalesce(al.cleared_at, now())')} as to_us
     from alert al join asset a using (asset_ref) join score s on s.score_id = al.raised_score_id
     where al.site_id = $1 and al.alert_id = $2`, [site, alertId])
  const row = rows[0]
  if (row === undefined) return undefined
  const raisedUs = toUs(row.end_us)
  const rule = isDecisionState(row.fold_before) ? row.fold_before.rules[row.rule_id] : undefined
  const heldUs = rule?.phase === 'pending' ? Math.min(rule.sinceUs, raisedUs) : raisedUs
  return { asset: row.asset_id, assetRef: row.asset_ref, fromUs: heldUs - 1, toUs: toUs(row.to_us) }
}
