import { BUNDLE_SPAN_US, joinChunks, LEAST_ROWS, planBundles, SMALL_READINGS } from '../domain/ingest/bundle.ts'
import type { StoredChunk } from '../domain/ingest/chunk.ts'
import { insertBundles } from './chunk-rows.ts'
import { loadRows } from './chunks.ts'
import { timestampToUs, toUsOrNull, usToTimestamp } from './sql-time.ts'
import type { Tx } from './transaction.ts'

/** Looked at, and written anew, in one transaction: a bound on its length and on memory. */
const ROWS_AT_ONCE = 4000
const READINGS_AT_ONCE = 65_536
const BATCHES_AT_ONCE = 500

/** What the next batches of a site touched, as whole hours of event time. */
export interface TouchedHours {
  readonly throughCommit: number
  readonly ranges: readonly { readonly fromUs: number; readonly toUs: number }[]
}

/** The hours that settled batches (committed before an instant) have touched since compaction was last here; null when there are none. */
export async function nextTouchedHours(tx: Tx, site: string, committedBeforeUs: number): Promise<TouchedHours | null> {
  const { rows } = await tx.query<{ commit_number: string; kind: string; first_us: string | null; last_us: string | null; settled: boolean }>(
    `select commit_number, kind, ${timestampToUs('first_time')} as first_us, ${timestampToUs('last_time')} as last_us,
            committed_at < ${usToTimestamp('$2')} as settled
     from raw_batch
     where site_id = $1 and commit_number > coalesce((select commit_number from compaction where site_id = $1), 0)
     order by commit_number limit ${BATCHES_AT_ONCE}`,
    [site, committedBeforeUs])
  const open = rows.findIndex(({ settled }) => !settled)
  const batches = open < 0 ? rows : rows.slice(0, open)
  const last = batches.at(-1)
  if (last === undefined) return null
  const ranges: { fromUs: number; toUs: number }[] = []
  const touched = batches.filter(({ kind }) => kind === 'readings').map(({ first_us, last_us }) => [toUsOrNull(first_us), toUsOrNull(last_us)] as const)
  for (const [first, end] of touched.sort(([a], [b]) => (a ?? 0) - (b ?? 0))) {
    if (first === null || end === null) continue
    const fromUs = Math.floor(first / BUNDLE_SPAN_US) * BUNDLE_SPAN_US
    const toUs = (Math.floor(end / BUNDLE_SPAN_US) + 1) * BUNDLE_SPAN_US
    const before = ranges.at(-1)
    if (before !== undefined && fromUs <= before.toUs) before.toUs = Math.max(before.toUs, toUs)
    else ranges.push({ fromUs, toUs })
  }
  return { throughCommit: Number(last.commit_number), ranges }
}

/** Never back: two keepers may come this way. */
export async function noteCompacted(tx: Tx, site: string, throughCommit: number): Promise<void> {
  await tx.query(
    `insert into compaction (site_id, commit_number) values ($1, $2)
     on conflict (site_id) do update set commit_number = greatest(compaction.commit_number, excluded.commit_number)`, [site, throughCommit])
}

/** The scalar tags of a site, in the order of their numbers. */
export async function scalarTags(tx: Tx, site: string): Promise<number[]> {
  const { rows } = await tx.query<{ tag_ref: number }>("select tag_ref from tag where site_id = $1 and kind = 'scalar' order by tag_ref", [site])
  return rows.map(({ tag_ref }) => tag_ref)
}

/** Hours of a tag, as their beginnings, with rows enough to be worth a bundle. */
export async function hoursOfSmallChunks(tx: Tx, tagRef: number, { fromUs, toUs }: { fromUs: number; toUs: number }): Promise<number[]> {
  const { rows } = await tx.query<{ hour_us: string }>(
    `select ${timestampToUs("date_bin('1 hour', t_min, timestamptz 'epoch')")} as hour_us from reading_chunk
     where tag_ref = $1 and t_min >= ${usToTimestamp('$2')} and t_min < ${usToTimestamp('$3')} and revision = 0 and n < $4
     group by 1 having count(*) >= $5 order by 1`,
    [tagRef, fromUs, toUs, SMALL_READINGS, LEAST_ROWS])
  return rows.map(({ hour_us }) => Number(hour_us))
}

/**
 * Puts small chunks of one tag and hour into bundles, in the caller's transaction; one at a time for each tag. What is
 * known at any commit number stays what it was. Gives how many rows became how many, and whether there is more to do.
 */
export async function compactHour(tx: Tx, site: string, tagRef: number, hourUs: number): Promise<{ rows: number; bundles: number; more: boolean }> {
  // Ingest never changes a row, so it need not wait; another keeper must.
  await tx.query("select pg_advisory_xact_lock(hashtextextended('twinward.compact.' || $1::text, 0))", [tagRef])
  const { rows } = await tx.query<{ start_us: string; end_us: string; n: number; batch_id: string | null }>(
    `select ${timestampToUs('t_min')} as start_us, ${timestampToUs('t_max')} as end_us, n, batch_id from reading_chunk
     where tag_ref = $1 and t_min >= ${usToTimestamp('$2')} and t_min < ${usToTimestamp('$3')} and t_max < ${usToTimestamp('$3')} and revision = 0 and n < $4
     order by t_min limit ${ROWS_AT_ONCE}`,
    [tagRef, hourUs, hourUs + BUNDLE_SPAN_US, SMALL_READINGS])
  const planned = planBundles(rows.map(({ start_us, end_us, n, batch_id }) => (
    { startUs: Number(start_us), endUs: Number(end_us), n, rowBatchId: batch_id === null ? null : Number(batch_id) })))
  let readings = 0
  const taken = planned.filter((group, i) => (readings += group.reduce((sum, { n }) => sum + n, 0)) <= READINGS_AT_ONCE || i === 0)
  const replaced = taken.flat()
  if (replaced.length === 0) return { rows: 0, bundles: 0, more: false }
  const chunksOf = new Map<number, StoredChunk[]>()
  for (const chunk of await loadRows(tx, replaced.map(({ startUs, rowBatchId }) => ({ tagRef, rowStartUs: startUs, revision: 0, rowBatchId })))) {
    chunksOf.set(chunk.rowStartUs, [...chunksOf.get(chunk.rowStartUs) ?? [], chunk])
  }
  await insertBundles(tx, site, tagRef, taken.map((group) => joinChunks(group.flatMap(({ startUs }) => chunksOf.get(startUs) ?? []))))
  const { rows: [forgotten] } = await tx.query<{ n: number }>(
    `select forget_bundled_chunks($1, ${usToTimestamp('$2')}, ${usToTimestamp('$3')}) as n`, [tagRef, hourUs, hourUs + BUNDLE_SPAN_US])
  // The database compares for itself what the bundles hold; anything else than all of it undoes the transaction.
  if (forgotten?.n !== replaced.length) {
    throw new Error(`bundles of tag ${tagRef} hold ${forgotten?.n} of the ${replaced.length} rows they should replace, in the hour ${hourUs} µs`)
  }
  return { rows: replaced.length, bundles: taken.length, more: taken.length < planned.length || rows.length === ROWS_AT_ONCE }
}

/** Every site there is, seen by a transaction over all. */
export async function siteIds(tx: Tx): Promise<string[]> {
  const { rows } = await tx.query<{ site_id: string }>("select site_id from site where kind <> 'fleet' order by site_id")
  return rows.map(({ site_id }) => site_id)
}
