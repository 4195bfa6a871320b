import { usToTimestamp } from './sql-time.ts'
import type { Tx } from './transaction.ts'

export interface ScorePlace { readonly assetRef: number; readonly endUs: number; readonly rule?: string }
export interface ScoreLink { readonly score: string | null; readonly alert: string | null }

/**
 * The stored score of a model at each place (the same one that `readScoreSeries` takes), and the alert it raised, or raised
 * again, by the rule named there; in the order of the places, null where there is none.
 */
export async function linksAt(tx: Tx, modelVersionRef: number, places: readonly ScorePlace[]): Promise<ScoreLink[]> {
  if (places.length === 0) return []
  const { rows } = await tx.query<{ score_id: string | null; alert_id: string | null }>(
    `select s.score_id, l.alert_id
     from unnest($2::int[], $3::bigint[], $4::text[]) with ordinality as u(asset_ref, end_us, rule, place)
     left join lateral (
       select s.score_id from score s
       where s.asset_ref = u.asset_ref and s.window_end = ${usToTimestamp('u.end_us')}
         and s.rescore_ref is null and s.release_ref in (select r.release_ref from release r where r.model_version_ref = $1)
       order by s.revision, array_position(array['champion', 'challenger', 'shadow'], s.role), s.score_id limit 1
     ) s on true
     left join lateral (
       select l.alert_id from alert l where l.raised_score_id = s.score_id and l.rule_id = u.rule
       union all
       select l.alert_id from alert l join alert_event e using (alert_id)
       where l.asset_ref = u.asset_ref and l.rule_id = u.rule and e.kind = 'raised-again' and e.detail->>'score' = s.score_id::text
       limit 1
     ) l on true
     order by u.place`,
    [modelVersionRef, places.map(({ assetRef }) => assetRef), places.map(({ endUs }) => endUs), places.map(({ rule }) => rule ?? null)],
  )
  return rows.map((row) => ({ score: row.score_id, alert: row.alert_id }))
}
