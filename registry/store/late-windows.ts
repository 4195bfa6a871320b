import type { Lane } from '../domain/contract/batch.ts'
import { timestampToUs, usToTimestamp } from './sql-time.ts'
import type { Tx } from './transaction.ts'

/** A closed window that readings came too late for. */
export interface LateWindow {
  readonly assetRef: number
  readonly featureSetRef: number
  readonly lane: Lane
  readonly endUs: number
}

/** Notes windows for a revision; one that is noted already starts its quiet period anew. */
export async function noteLateWindows(tx: Tx, site: string, late: readonly LateWindow[]): Promise<void> {
  if (late.length === 0) return
  await tx.query(
    `insert into late_window (site_id, asset_ref, feature_set_ref, lane, window_end)
     select distinct $1, a, f, l, ${usToTimestamp('e')}
     from unnest($2::int[], $3::int[], $4::text[], $5::bigint[]) as u(a, f, l, e)
     order by 2, 3, 4, 5
     on conflict (asset_ref, feature_set_ref, lane, window_end) do update set noted_at = now()`,
    [site, late.map((w) => w.assetRef), late.map((w) => w.featureSetRef), late.map((w) => w.lane), late.map((w) => w.endUs)],
  )
}

/** Sites with late windows that nothing was added to for `quietUs` of wall time, as far as one asset and feature set go. */
export async function sitesWithRevisionsDue(tx: Tx, quietUs: number): Promise<string[]> {
  const { rows } = await tx.query<{ site_id: string }>(
    `select distinct site_id from late_window group by site_id, asset_ref, feature_set_ref
     having max(noted_at) <= clock_timestamp() - $1::bigint * interval '1 microsecond'`,
    [quietUs],
  )
  return rows.map((row) => row.site_id)
}

/** Up to `limit` assets of a site with late windows that are quiet. */
export async function quietAssets(tx: Tx, site: string, quietUs: number, limit: number): Promise<number[]> {
  const { rows } = await tx.query<{ asset_ref: number }>(
    `select distinct asset_ref from (
       select asset_ref from late_window where site_id = $1 group by asset_ref, feature_set_ref
       having max(noted_at) <= clock_timestamp() - $2::bigint * interval '1 microsecond') quiet
     order by asset_ref limit $3`,
    [site, quietUs, limit],
  )
  return rows.map((row) => row.asset_ref)
}

/** Takes up to `limit` quiet late windows of some assets, locked against others who would do the same; ascending by end. */
export async function takeQuietWindows(
  tx: Tx, site: string, assetRefs: readonly number[], quietUs: number, limit: number,
): Promise<LateWindow[]> {
  const { rows } = await tx.query<{ asset_ref: number; feature_set_ref: number; lane: Lane; end_us: string }>(
    `delete from late_window where (asset_ref, feature_set_ref, lane, window_end) in (
       select w.asset_ref, w.feature_set_ref, w.lane, w.window_end
       from late_window w
       join (select asset_ref, feature_set_ref from late_window where site_id = $1 group by 1, 2
             having max(noted_at) <= clock_timestamp() - $2::bigint * interval '1 microsecond') quiet using (asset_ref, feature_set_ref)
       where w.site_id = $1 and w.asset_ref = any($4::int[])
       order by w.window_end limit $3 for update of w skip locked)
     returning asset_ref, feature_set_ref, lane, ${timestampToUs('window_end')} as end_us`,
    [site, quietUs, limit, assetRefs],
  )
  return rows
    .map((row) => ({ assetRef: row.asset_ref, featureSetRef: row.feature_set_ref, lane: row.lane, endUs: Number(row.end_us) }))
    .sort((a, b) => a.endUs - b.endUs || a.assetRef - b.assetRef || a.featureSetRef - b.featureSetRef)
}
