import type { Decision } from '../../domain/policy/decide.ts'
import type { Lane } from '../../domain/contract/batch.ts'
import type { Severity } from '../../domain/contract/scored-event.ts'
import { timestampToUs, usToTimestamp } from '../../store/sql-time.ts'
import type { Tx } from '../../store/transaction.ts'
import { ofSite } from './rows.ts'

/** What the fleet page needs of an asset, in one look. */
export interface TwinRow {
  readonly site_id: string
  readonly asset_ref: number
  readonly asset_id: string
  readonly name: string
  readonly class: string
  readonly family_id: string
  readonly line_id: string
  readonly owner_id: string | null
  readonly business: { criticality?: string; schedule?: { nextPlannedStop?: string } }
  readonly score_id: string | null
  readonly score: number | null
  readonly confidence: number | null
  readonly contributions: { feature: string; share: number }[] | null
  readonly decision: Decision | null
  readonly release_ref: number | null
  readonly window_end_us: string | null
  readonly lane: Lane | null
  readonly open_alerts: number
  readonly severity: Severity | null
}

/**
 * Assets that stand now, each with what is open about it, by site and id, and its newest champion
 * score: of the live lane, else (a machine known from imported history alone) of the backfill lane. As it was decided: a rescore
 * draws the past anew, and leaves alone how the machine stands.
 */
export async function twinRows(
  tx: Tx, filter: { family?: string | undefined; asset?: string | undefined }, after: readonly (string | number | null)[], limit: number,
): Promise<TwinRow[]> {
  const { rows } = await tx.query<TwinRow>(
    `select a.site_id, a.asset_ref, a.asset_id, v.name, v.class, v.family_id, v.line_id, v.owner_id, v.business,
            s.score_id, s.score, s.confidence, s.contributions, s.decision, s.release_ref, s.lane, ${timestampToUs('s.window_end')} as window_end_us,
            al.open_alerts, al.severity
     from asset a
     join asset_version v on v.asset_ref = a.asset_ref and v.valid @> now()
     left join lateral (
       select * from (
         (select * from score where asset_ref = a.asset_ref and role = 'champion' and lane = 'live' and rescore_ref is null order by window_end desc, revision desc limit 1)
         union all
         (select * from score where asset_ref = a.asset_ref and role = 'champion' and lane = 'backfill' and rescore_ref is null order by window_end desc, revision desc limit 1)
       ) as newest limit 1
     ) s on true
     cross join lateral (
       select count(*)::integer as open_alerts,
              (array['low', 'medium', 'high', 'urgent'])[max(array_position(array['low', 'medium', 'high', 'urgent'], severity))] as severity
       from alert where asset_ref = a.asset_ref and state <> 'closed'
     ) al
     where ${ofSite(tx, 'a.site_id')} and ($1::text is null or v.family_id = $1) and ($2::text is null or a.asset_id = $2)
       and ($3::text is null or (a.site_id, a.asset_id) > ($3, $4))
     order by a.site_id, a.asset_id limit $5`,
    [filter.family ?? null, filter.asset ?? null, after[0] ?? null, after[1] ?? null, limit],
  )
  return rows
}

/** Confidence of the newest windows of each asset, oldest first; null where a window had no score. */
export async function newestConfidences(tx: Tx, assetRefs: readonly number[], count: number): Promise<Map<number, (number | null)[]>> {
  const { rows } = await tx.query<{ asset_ref: number; confidences: (number | null)[] }>(
    `select a.asset_ref, array(
       select confidence from (
         select distinct on (window_end) window_end, confidence from (
           select window_end, revision, confidence from score
           where asset_ref = a.asset_ref and role = 'champion' order by window_end desc, revision desc limit $2::int * 2
         ) as newest order by window_end desc, revision desc limit $2
       ) as windows order by window_end
     ) as confidences
     from unnest($1::int[]) as a(asset_ref)`,
    [assetRefs, count],
  )
  return new Map(rows.map((row) => [row.asset_ref, row.confidences]))
}

export interface ScoreBucket {
  readonly startUs: number
  readonly windows: number
  readonly confidenceMedian: number | null
  readonly confidenceMax: number | null
  readonly scoreMin: number | null
  readonly scoreMedian: number | null
  readonly scoreMax: number | null
}

/** Champion scores of an asset, live and imported, in equal intervals of event time; the newest revision of a window counts. */
export async function scoreBuckets(tx: Tx, assetRef: number, fromUs: number, toUs: number, bucketUs: number): Promise<ScoreBucket[]> {
  const { rows } = await tx.query<{
    start_us: string; windows: number; c_med: number | null; c_max: number | null; s_min: number | null; s_med: number | null; s_max: number | null
  }>(
    `select ($2::bigint + bucket * $4::bigint)::text as start_us, count(*)::integer as windows,
            percentile_cont(0.5) within group (order by confidence) as c_med, max(confidence) as c_max,
            min(score) as s_min, percentile_cont(0.5) within group (order by score) as s_med, max(score) as s_max
     from (
       select distinct on (window_end) (${timestampToUs('window_end')} - $2::bigint) / $4::bigint as bucket, score, confidence
       from score
       where asset_ref = $1 and role = 'champion'
         and window_end >= ${usToTimestamp('$2')} and window_end < ${usToTimestamp('$3')}
       order by window_end, revision desc
     ) as windows
     group by bucket order by bucket`,
    [assetRef, fromUs, toUs, bucketUs],
  )
  return rows.map((row) => ({
    startUs: Number(row.start_us), windows: row.windows, confidenceMedian: row.c_med, confidenceMax: row.c_max,
    scoreMin: row.s_min, scoreMedian: row.s_med, scoreMax: row.s_max,
  }))
}

export interface TwinTagRow {
  readonly tag_key: string
  readonly kind: 'scalar' | 'waveform'
  readonly role: string
  readonly canonical_unit: string
  readonly value: number | null
  readonly quality: number | null
  readonly at_us: string | null
  readonly first_us: string | null
}

/** Chunks looked at for a tag's newest reading: those of interleaved batches may begin later and still end earlier. */
const NEWEST_CHUNKS = 8
/** A bundle begins well before it ends, so more than that may have begun since. */
const NEWEST_BUNDLES = 2

/** The asset's tags as they are measured now, each with its newest reading (or the time of its newest waveform), and since when it has any. */
export async function newestReadings(tx: Tx, assetRef: number): Promise<TwinTagRow[]> {
  const { rows } = await tx.query<TwinTagRow>(
    `select t.tag_key, t.kind, v.role, v.canonical_unit, r.value, r.quality, ${timestampToUs('coalesce(r.at, w.at)')} as at_us,
            ${timestampToUs(`coalesce(
              (select t_min from reading_chunk where t.kind = 'scalar' and tag_ref = t.tag_ref order by t_min limit 1),
              (select t_start from waveform where t.kind = 'waveform' and tag_ref = t.tag_ref order by t_start limit 1))`)} as first_us
     from tag t
     join tag_version v on v.tag_ref = t.tag_ref and v.valid @> now()
     left join lateral (
       select c.vals[c.n] as value, coalesce(c.quals[c.n], 0)::integer & 65535 as quality, c.t_max as at
       from (
         (select vals, quals, n, t_max, revision from reading_chunk
          where t.kind = 'scalar' and tag_ref = t.tag_ref order by t_min desc limit ${NEWEST_CHUNKS})
         union all
         (select vals, quals, n, t_max, revision from reading_chunk
          where t.kind = 'scalar' and tag_ref = t.tag_ref and batch_id is null order by t_min desc limit ${NEWEST_BUNDLES})
       ) c
       order by c.t_max desc, c.revision desc limit 1
     ) r on true
     left join lateral (
       select t_start as at from waveform where t.kind = 'waveform' and tag_ref = t.tag_ref order by t_start desc limit 1
     ) w on true
     where t.asset_ref = $1 order by t.tag_key`,
    [assetRef],
  )
  return rows
}
