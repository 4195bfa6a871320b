import type { Exclusion } from '../domain/datasets/exclusions.ts'
import { timestampToUs, toUs, toUsOrNull, usToTimestamp } from './sql-time.ts'
import type { Tx } from './transaction.ts'

export interface FamilyAsset { readonly assetRef: number; readonly assetId: string }

/** Assets that stand, or stood, in a family; only those named, when names are given. */
export async function familyAssets(tx: Tx, family: string, only: readonly string[] | null = null): Promise<FamilyAsset[]> {
  const { rows } = await tx.query<{ asset_ref: number; asset_id: string }>(
    `select a.asset_ref, a.asset_id from asset a
     where a.site_id = $1 and ($3::text[] is null or a.asset_id = any($3))
       and exists (select from asset_version v where v.asset_ref = a.asset_ref and v.family_id = $2)
     order by a.asset_id`,
    [tx.site, family, only],
  )
  return rows.map((row) => ({ assetRef: row.asset_ref, assetId: row.asset_id }))
}

/** The newest commit number of the site: everything up to it can be seen now. */
export async function newestCommit(tx: Tx): Promise<number> {
  const { rows } = await tx.query<{ last_commit: string }>('select last_commit from site where site_id = $1', [tx.site])
  return Number(rows[0]?.last_commit ?? 0)
}

export interface TrainingWindow {
  readonly assetRef: number
  readonly startUs: number
  readonly endUs: number
  readonly revision: number
  readonly mode: string
  readonly goodFraction: number
  readonly values: readonly number[]
}

export interface TrainingWindowQuery {
  readonly featureSetRef: number
  readonly assetRefs: readonly number[]
  /** Windows ending in (from, to]. */
  readonly fromUs: number
  readonly toUs: number
  /** The newest revision that was computed from commits up to here counts; a rescore's is not one: the same commit gives the same windows. */
  readonly commitNumber: number
  /** The newest windows win. */
  readonly limit: number
}

const PAGE = 10_000

/**
 * Stored windows of some assets as of a commit number, oldest first (then by asset): the newest `limit` of them. Read in
 * pages, so that a long history does not sit twice in memory, and asset by asset, so that the key's index gives the
 * newest windows without a look at the older ones.
 */
export async function readTrainingWindows(tx: Tx, query: TrainingWindowQuery): Promise<TrainingWindow[]> {
  const found: TrainingWindow[] = []
  let before: { endUs: number; assetRef: number } | null = null
  while (found.length < query.limit) {
    const { rows }: { rows: WindowRow[] } = await tx.query<WindowRow>(
      `select w.* from unnest($2::int[]) as a(ref) cross join lateral (
         select distinct on (w.window_end)
                w.asset_ref, ${timestampToUs('w.window_start')} as start_us, ${timestampToUs('w.window_end')} as end_us,
                w.revision, w.mode, w.good_fraction, w.feature_values, w.window_end
         from feature_window w
         where w.asset_ref = a.ref and w.feature_set_ref = $1
           and w.window_end > ${usToTimestamp('$3')} and w.window_end <= ${usToTimestamp('coalesce($6, $4)')} and w.commit_number <= $5 and w.rescore_ref is null
           and ($6::bigint is null or (w.window_end, w.asset_ref) < (${usToTimestamp('$6')}, $7::int))
         order by w.window_end desc, w.revision desc
         limit $8
       ) w
       order by w.window_end desc, w.asset_ref desc
       limit $8`,
      [query.featureSetRef, query.assetRefs, query.fromUs, query.toUs, query.commitNumber, before?.endUs ?? null, before?.assetRef ?? null,
        Math.min(PAGE, query.limit - found.length)],
    )
    for (const row of rows) {
      found.push({
        assetRef: row.asset_ref, startUs: toUs(row.start_us), endUs: toUs(row.end_us), revision: row.revision, mode: row.mode,
        goodFraction: row.good_fraction, values: row.feature_values,
      })
    }
    const last = found.at(-1)
    if (rows.length === 0 || last === undefined) break
    before = { endUs: last.endUs, assetRef: last.assetRef }
  }
  return found.reverse()
}

interface WindowRow {
  asset_ref: number; start_us: string; end_us: string; revision: number; mode: string; good_fraction: number; feature_values: number[]
}

/**
 * When assets were not normal: under maintenance, failed (and the time before, in which the failure was coming), or
 * labelled faulty by an accepted label. Labels come first, since a person looked.
 */
export async function readExclusions(
  tx: Tx, assets: readonly FamilyAsset[], span: { fromUs: number; toUs: number }, beforeFailureUs: number,
): Promise<Exclusion[]> {
  const { rows } = await tx.query<{ asset_id: string; from_us: string | null; to_us: string | null; reason: string; source: string }>(
    `select a.asset_id, ${timestampToUs("nullif(lower(x.during), '-infinity')")} as from_us,
            ${timestampToUs("nullif(upper(x.during), 'infinity')")} as to_us, x.reason, x.source
     from (
       select 1 as rank, asset_ref, during, 'label:faulty' as reason, 'label/' || label_id as source
       from label where site_id = $1 and state = 'accepted' and value = 'faulty'
       union all
       select 2, asset_ref,
              case kind when 'failure' then tstzrange(lower(during) - $5::bigint * interval '1 microsecond', upper(during)) else during end,
              'maintenance:' || kind, 'maintenance/' || maintenance_id
       from maintenance_event where site_id = $1 and kind <> 'inspection'
     ) x
     join asset a using (asset_ref)
     where x.asset_ref = any($2::int[]) and x.during && tstzrange(${usToTimestamp('$3')}, ${usToTimestamp('$4')})
     order by x.rank, lower(x.during), x.source`,
    [tx.site, assets.map((a) => a.assetRef), span.fromUs, span.toUs, beforeFailureUs],
  )
  return rows.map((row) => ({
    asset: row.asset_id, fromUs: toUsOrNull(row.from_us) ?? 0, toUs: toUsOrNull(row.to_us), reason: row.reason, source: row.source,
  }))
}

/** Recorded failures of some assets in a span, oldest first. */
export async function readFailures(
  tx: Tx, assets: readonly FamilyAsset[], span: { fromUs: number; toUs: number },
): Promise<{ asset: string; atUs: number }[]> {
  const { rows } = await tx.query<{ asset_id: string; at_us: string }>(
    `select a.asset_id, ${timestampToUs('lower(m.during)')} as at_us
     from maintenance_event m join asset a using (asset_ref)
     where m.site_id = $1 and m.kind = 'failure' and m.asset_ref = any($2::int[])
       and lower(m.during) >= ${usToTimestamp('$3')} and lower(m.during) < ${usToTimestamp('$4')}
     order by 2, 1`,
    [tx.site, assets.map((a) => a.assetRef), span.fromUs, span.toUs],
  )
  return rows.map((row) => ({ asset: row.asset_id, atUs: toUs(row.at_us) }))
}
