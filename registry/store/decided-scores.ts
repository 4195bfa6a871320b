import type { Lane } from '../domain/contract/batch.ts'
import { timestampToUs, toUs, usToTimestamp } from './sql-time.ts'
import type { Tx } from './transaction.ts'

export interface DecidedScore { readonly scoreId: string; readonly lane: Lane; readonly windowEndUs: number; readonly release: string }

/** The scores that decided about a machine, windows ending in (from, to], in the order of their fold: at most `limit`. `lane` null: both. */
export async function decidedScores(
  tx: Tx, { assetRef, fromUs, toUs: throughUs, lane }: { assetRef: number; fromUs: number; toUs: number; lane: Lane | null }, limit: number,
): Promise<DecidedScore[]> {
  const { rows } = await tx.query<{ score_id: string; lane: Lane; end_us: string; release_id: string }>(
    `select s.score_id, s.lane, ${timestampToUs('s.window_end')} as end_us, r.release_id
     from score s join release r using (release_ref)
     where s.asset_ref = $1 and s.window_end > ${usToTimestamp('$2')} and s.window_end <= ${usToTimestamp('$3')} and s.decision is not null
       and ($4::text is null or s.lane = $4)
     order by s.window_end, s.score_id limit $5`,
    [assetRef, fromUs, throughUs, lane, limit])
  return rows.map((row) => ({ scoreId: row.score_id, lane: row.lane, windowEndUs: toUs(row.end_us), release: row.release_id }))
}

/**
 * The event time that an alert's decisions lie in: from the first window in which its rule held, which is an on-delay
 * before it was raised, through the one that cleared it, or the newest there can be. Undefined: there is no such alert.
 */
export async function alertCourse(tx: Tx, site: string, alertId: string): Promise<{ asset: string; assetRef: number; fromUs: number; toUs: number } | undefined> {
  const { rows } = await tx.query<{ asset_id: string; asset_ref: number; from_us: string; to_us: string }>(
    `select a.asset_id, a.asset_ref,
            ${timestampToUs('least(al.raised_at, s.window_end)')} - coalesce((rule->>'onDelayUs')::bigint, 0) - 1 as from_us,
            ${timestampToUs('coalesce(al.cleared_at, now())')} as to_us
     from alert al join asset a using (asset_ref) join score s on s.score_id = al.raised_score_id
     join release r on r.release_ref = al.release_ref join policy p using (policy_ref)
     left join lateral (select rule from jsonb_array_elements(p.definition->'rules') rule where rule->>'id' = al.rule_id) u on true
     where al.site_id = $1 and al.alert_id = $2`, [site, alertId])
  const row = rows[0]
  return row && { asset: row.asset_id, assetRef: row.asset_ref, fromUs: toUs(row.from_us), toUs: toUs(row.to_us) }
}
