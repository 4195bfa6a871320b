import type { ScoreColumns } from '../domain/evaluation/fold-columns.ts'
import { instant, whole } from './chunks.ts'
import { copyOut } from './copy.ts'
import { createCopyReader, type CopyReader } from './copy-reader.ts'
import { timestampToUs, toUsOrNull, usToTimestamp } from './sql-time.ts'
import type { Tx } from './transaction.ts'

/** Which of a window's scores counts: the first revision, and of that what was in force before what only ran beside it. What a rescore wrote never does. */
export const FIRST_OF_WINDOW = "s.revision, array_position(array['champion', 'challenger', 'shadow'], s.role), s.score_id"
/** The window a score is of; `offset 0` has the planner look each up by its id, whatever it takes row-level security for. */
export const windowOfScore = 'cross join lateral (select w.commit_number, w.feature_values from feature_window w where w.window_id = s.window_id offset 0) w'

const DAY_US = 86_400_000_000

/** Every asset of a site that was ever measured, with the id up to which its scores are in chunks; null: none was put there yet. */
export async function chunkedAssets(tx: Tx, site: string): Promise<{ assetRef: number; throughId: string | null }[]> {
  const { rows } = await tx.query<{ asset_ref: number; through_score_id: string | null }>(
    `select a.asset_ref, c.through_score_id from (select distinct asset_ref from asset_lane where site_id = $1) a
     left join score_chunked c using (asset_ref) order by a.asset_ref`, [site])
  return rows.map((row) => ({ assetRef: row.asset_ref, throughId: row.through_score_id }))
}

/**
 * How far scores of an asset are settled: up to the newest id there is, once nobody writes of this asset. Whoever stores
 * scores holds the asset's lanes locked, so holding them for this moment means that what is below is committed.
 */
export async function settledScoreId(tx: Tx, assetRef: number): Promise<string> {
  await tx.query('select from asset_lane where asset_ref = $1 order by asset_ref, feature_set_ref, lane for share', [assetRef])
  const { rows } = await tx.query<{ newest: string }>('select coalesce(max(score_id), 0) as newest from score')
  return rows[0]?.newest ?? '0'
}

/** Scores of one asset and UTC day, by its midnight, and about how many. */
export interface ScoredDay { readonly assetRef: number; readonly dayUs: number; readonly windows: number }

/**
 * Days that some assets were scored for, by scores above an id, or by all of theirs: one look at all of the assets together, since
 * scores lie in the order in which they came, and each asset alone would go through nearly the same pages.
 */
export async function scoredDays(tx: Tx, assetRefs: readonly number[], afterId: string | null): Promise<ScoredDay[]> {
  const { rows } = await tx.query<{ asset_ref: number; day_us: string; n: string }>(
    `select d.asset_ref, ${timestampToUs("d.day::timestamp at time zone 'UTC'")} as day_us,
            d.n + coalesce((select sum(c.n) from score_chunk c where c.asset_ref = d.asset_ref and c.day = d.day), 0) as n
     from (select s.asset_ref, (s.window_end at time zone 'UTC')::date as day, count(*) as n from score s
           where s.asset_ref = any($1::int[]) and ($2::bigint is null or s.score_id > $2) and s.rescore_ref is null group by 1, 2) d
     order by d.day, d.asset_ref`, [assetRefs, afterId])
  return rows.map((row) => ({ assetRef: row.asset_ref, dayUs: Number(row.day_us), windows: Number(row.n) }))
}

/** A release as far as scores are packed by it. */
export interface PackedRelease { readonly releaseRef: number; readonly modelVersionRef: number; readonly featureSetRef: number }

/** Every release of the site: read once for many days, after the scores to be packed have settled, so that none of theirs is missing. */
export async function packedReleases(tx: Tx): Promise<PackedRelease[]> {
  const { rows } = await tx.query<{ release_ref: number; model_version_ref: number; feature_set_ref: number }>('select release_ref, model_version_ref, feature_set_ref from release')
  return rows.map((row) => ({ releaseRef: row.release_ref, modelVersionRef: row.model_version_ref, featureSetRef: row.feature_set_ref }))
}

export interface DayToPack {
  readonly assetRefs: readonly number[]
  readonly dayUs: number
  readonly releases: readonly PackedRelease[]
  /** Scores up to this id; all of them are committed. */
  readonly throughId: string
}

/**
 * Packs what some assets scored on a day, one chunk an asset and model, in place of those there are. Gives how many windows
 * they hold; those of assets where another keeper was further already are left out.
 */
export async function chunkDay(tx: Tx, site: string, { assetRefs, dayUs, releases, throughId }: DayToPack): Promise<number> {
  // Under row-level security the planner takes scores and windows for a handful, and would look each window up by its id.
  await tx.query("select pg_advisory_xact_lock(hashtextextended('twinward.score-chunks.' || $1::text, 0)), set_config('enable_nestloop', 'off', true), set_config('work_mem', '64MB', true)", [site])
  const { rows: behind } = await tx.query<{ asset_ref: number }>(
    'select a as asset_ref from unnest($1::int[]) as a where not exists (select from score_chunked c where c.asset_ref = a and c.through_score_id > $2)', [assetRefs, throughId])
  if (behind.length === 0) return 0
  const ofDay = `asset_ref = any($2::int[]) and window_end >= ${usToTimestamp('$3')} and window_end < ${usToTimestamp('($3::bigint + $6::bigint)')}`
  const { rows } = await tx.query<{ n: string }>(
    `with s as materialized (
       select asset_ref, ($5::int[])[array_position($4::int[], release_ref)] as model_version_ref, window_id, window_end, ${timestampToUs('window_end')} as us, revision, role, score_id,
              score, confidence, suppressed
       from score where ${ofDay} and score_id <= $7 and rescore_ref is null
     ), w as materialized (
       select window_id, commit_number from feature_window where ${ofDay} and feature_set_ref = any($8::int[])
     ), picked as (
       select distinct on (s.asset_ref, s.model_version_ref, s.us) s.*, w.commit_number
       from s join w using (window_id)
       order by s.asset_ref, s.model_version_ref, s.us, ${FIRST_OF_WINDOW}
     ), spaced as (
       select *, us - lag(us) over (partition by asset_ref, model_version_ref order by us) as gap from picked
     ), made as (
       insert into score_chunk (site_id, asset_ref, model_version_ref, day, n, t_min, t_max, max_commit, interval_us, ends, scores, confidences, suppressed)
       select $1, asset_ref, model_version_ref, (${usToTimestamp('$3')} at time zone 'UTC')::date, count(*), min(window_end), max(window_end), max(commit_number),
              case when min(gap) = max(gap) then min(gap) end,
              case when min(gap) is distinct from max(gap) or count(*) = 1 then string_agg(int8send(us), ''::bytea order by us) end,
              string_agg(float8send(coalesce(score, 'NaN')), ''::bytea order by us), string_agg(float8send(coalesce(confidence, 'NaN')), ''::bytea order by us),
              case when bool_or(suppressed) then string_agg(case when suppressed then '\\x01'::bytea else '\\x00'::bytea end, ''::bytea order by us) end
       from spaced group by asset_ref, model_version_ref
       on conflict (asset_ref, model_version_ref, day) do update
         set n = excluded.n, t_min = excluded.t_min, t_max = excluded.t_max, max_commit = excluded.max_commit, interval_us = excluded.interval_us,
             ends = excluded.ends, scores = excluded.scores, confidences = excluded.confidences, suppressed = excluded.suppressed
         -- Scores are only added: one that holds less is of a keeper that looked earlier.
         where score_chunk.n <= excluded.n
       returning n
     )
     select coalesce(sum(n), 0) as n from made`,
    [site, behind.map((row) => row.asset_ref), dayUs, releases.map((r) => r.releaseRef), releases.map((r) => r.modelVersionRef), DAY_US, throughId, [...new Set(releases.map((r) => r.featureSetRef))]])
  return Number(rows[0]?.n ?? 0)
}

/** Never back: two keepers may come this way. */
export async function noteChunked(tx: Tx, site: string, assetRefs: readonly number[], throughId: string): Promise<void> {
  await tx.query(
    `insert into score_chunked (site_id, asset_ref, through_score_id) select $1, a, $3 from unnest($2::int[]) as a
     on conflict (asset_ref) do update set through_score_id = greatest(score_chunked.through_score_id, excluded.through_score_id)`,
    [site, assetRefs, throughId])
}

export interface ChunkQuery {
  readonly assetRefs: readonly number[]
  readonly modelVersionRef: number
  /** Windows ending in (from, to]. */
  readonly fromUs: number
  readonly toUs: number
  readonly commitNumber: number
  readonly confidence: boolean
  readonly score: boolean
}

export interface ChunkedScores {
  readonly columns: ReadonlyMap<number, ScoreColumns>
  /** Days whose chunk knows of later commits than asked for: their scores are to be read one by one. */
  readonly left: readonly { readonly assetRef: number; readonly fromUs: number; readonly toUs: number }[]
}

/** The newest window in chunks that know of no later commit; and the days of those that do, newest first. */
export async function newestOfChunks(
  tx: Tx, { assetRefs, modelVersionRef, commitNumber }: Pick<ChunkQuery, 'assetRefs' | 'modelVersionRef' | 'commitNumber'>,
): Promise<{ endUs: number | null; left: { assetRef: number; fromUs: number; toUs: number }[] }> {
  const ofModel = 'asset_ref = any($1::int[]) and model_version_ref = $2'
  const known = await tx.query<{ end_us: string | null }>(
    `select ${timestampToUs('max(t_max)')} as end_us from score_chunk where ${ofModel} and max_commit <= $3`, [assetRefs, modelVersionRef, commitNumber])
  const later = await tx.query<{ asset_ref: number; day_us: string }>(
    `select asset_ref, ${timestampToUs("day::timestamp at time zone 'UTC'")} as day_us from score_chunk where ${ofModel} and max_commit > $3 order by day desc`, [assetRefs, modelVersionRef, commitNumber])
  return {
    endUs: toUsOrNull(known.rows[0]?.end_us ?? null),
    left: later.rows.map((row) => ({ assetRef: row.asset_ref, fromUs: Number(row.day_us), toUs: Number(row.day_us) + DAY_US })),
  }
}

/** Windows of one COPY: a bound on what is in memory twice. */
const WINDOWS_AT_ONCE = 4_000_000

/** What the chunks have of some assets, as columns; times ascending. */
export async function readScoreChunks(tx: Tx, query: ChunkQuery): Promise<ChunkedScores> {
  const { rows } = await tx.query<{ asset_ref: number; n: string; left_days: string[] | null }>(
    `select asset_ref, coalesce(sum(n) filter (where max_commit <= $5), 0) as n,
            array_agg(${timestampToUs("day::timestamp at time zone 'UTC'")} order by day) filter (where max_commit > $5) as left_days
     from score_chunk
     where asset_ref = any($1::int[]) and model_version_ref = $2 and ${inDays('$3', '$4')}
     group by asset_ref order by asset_ref`,
    [query.assetRefs, query.modelVersionRef, query.fromUs, query.toUs, query.commitNumber])
  const columns = new Map<number, ScoreColumns>()
  for (const group of inGroups(rows.map((row) => ({ assetRef: row.asset_ref, n: Number(row.n) })).filter(({ n }) => n > 0))) {
    const sizes = new Map(group.map(({ assetRef, n }) => [assetRef, n]))
    decode(await copyOut(tx, chunkRows(query, [...sizes.keys()])), query, sizes, columns)
  }
  return {
    columns,
    left: rows.flatMap((row) => (row.left_days ?? []).map((day) => ({
      // A window that ends at midnight is the first of its day.
      assetRef: row.asset_ref, fromUs: Math.max(query.fromUs, Number(day) - 1), toUs: Math.min(query.toUs, Number(day) + DAY_US - 1),
    }))),
  }
}

/** Values go into the text because COPY takes no parameters; all are numbers. */
function chunkRows({ modelVersionRef, fromUs, toUs, commitNumber, score, confidence }: ChunkQuery, assetRefs: readonly number[]): string {
  return `select asset_ref, n, t_min, interval_us, ends, suppressed${confidence ? ', confidences' : ''}${score ? ', scores' : ''} from score_chunk
    where asset_ref in (${assetRefs.map(whole).join(', ')}) and model_version_ref = ${whole(modelVersionRef)} and max_commit <= ${whole(commitNumber)}
      and day >= (${instant(fromUs)} at time zone 'UTC')::date and day <= (${instant(toUs)} at time zone 'UTC')::date
    order by asset_ref, day`
}

const inDays = (from: string, to: string): string =>
  `day >= (${usToTimestamp(from)} at time zone 'UTC')::date and day <= (${usToTimestamp(to)} at time zone 'UTC')::date`

function decode(
  bytes: Buffer, query: Pick<ChunkQuery, 'fromUs' | 'toUs' | 'confidence' | 'score'>, sizes: ReadonlyMap<number, number>, columns: Map<number, ScoreColumns>,
): void {
  const reader = createCopyReader(bytes)
  let filling: { assetRef: number; at: number; into: Filling } | undefined
  const finish = () => { if (filling !== undefined) columns.set(filling.assetRef, finished(filling.into, filling.at, query)) }
  while (reader.next()) {
    const assetRef = reader.int4() as number
    if (filling?.assetRef !== assetRef) {
      finish()
      filling = { assetRef, at: 0, into: filled(sizes.get(assetRef) ?? 0, query) }
    }
    filling.at += readChunk(reader, filling.into, filling.at)
  }
  finish()
}

interface Filling { readonly endUs: Float64Array; readonly suppressed: Uint8Array; readonly signals: ReadonlyMap<string, Float64Array> }

const filled = (n: number, { confidence, score }: Pick<ChunkQuery, 'confidence' | 'score'>): Filling => ({
  endUs: new Float64Array(n), suppressed: new Uint8Array(n),
  signals: new Map([...confidence ? ['confidence'] : [], ...score ? ['score'] : []].map((signal) => [signal, new Float64Array(n)])),
})

/** Puts one chunk after the others; its doubles are turned round when all are there. */
function readChunk(reader: CopyReader, { endUs, suppressed, signals }: Filling, at: number): number {
  const n = reader.int4() as number
  const first = reader.timestamp() as number
  const interval = reader.int8()
  const ends = reader.bytes()
  const stopped = reader.bytes()
  if (interval !== null) for (let i = 0; i < n; i++) endUs[at + i] = first + i * interval
  else if (ends !== null) for (let i = 0; i < n; i++) endUs[at + i] = Number(ends.readBigInt64BE(i * 8))
  if (stopped !== null) suppressed.set(stopped, at)
  for (const column of signals.values()) new Uint8Array(column.buffer).set(reader.bytes() as Buffer, at * 8)
  return n
}

/** From the order of bytes that PostgreSQL sends to the machine's, and cut to the span asked for. */
function finished({ endUs, suppressed, signals }: Filling, n: number, { fromUs, toUs }: Pick<ChunkQuery, 'fromUs' | 'toUs'>): ScoreColumns {
  for (const column of signals.values()) Buffer.from(column.buffer).swap64()
  let [from, to] = [0, n]
  while (from < to && (endUs[from] as number) <= fromUs) from++
  while (to > from && (endUs[to - 1] as number) > toUs) to--
  return {
    endUs: endUs.subarray(from, to), suppressed: suppressed.subarray(from, to),
    signals: new Map([...signals].map(([signal, column]) => [signal, column.subarray(from, to)])),
  }
}

function inGroups(assets: readonly { readonly assetRef: number; readonly n: number }[]): { assetRef: number; n: number }[][] {
  const groups: { assetRef: number; n: number }[][] = []
  let windows = Infinity
  for (const asset of assets) {
    if (windows + asset.n > WINDOWS_AT_ONCE) {
      groups.push([])
      windows = 0
    }
    windows += asset.n
    groups.at(-1)?.push(asset)
  }
  return groups
}
