import { BUNDLE_SPAN_US, cutChunk } from '../domain/ingest/bundle.ts'
import type { MergedRun, Run, Span, StoredChunk } from '../domain/ingest/chunk.ts'
import { mergeChunks } from '../domain/ingest/merge.ts'
import { copyOut } from './copy.ts'
import { createCopyReader, type CopyReader } from './copy-reader.ts'
import { utcMidnight } from './sql-time.ts'
import type { Tx } from './transaction.ts'

/** Readings of one tag in [fromUs, toUs). */
export interface TagSpan extends Span {
  readonly tagRef: number
}

/** Identity of a stored chunk, whatever row it is in. What it names never changes, so a cache of them is never stale. */
export const chunkKey = (tagRef: number, startUs: number, revision: number, batchId: number): string => `${tagRef}/${startUs}/${revision}/${batchId}`

/** Chunks that need not be fetched again; see activities/decoded-cache.ts. */
export interface ChunkCache {
  get(key: string): StoredChunk | undefined
  put(key: string, chunk: StoredChunk): void
}

/** Where no commit number bounds what is read. */
export const NEWEST = Number.MAX_SAFE_INTEGER

/**
 * All chunks, of every revision, that touch the spans and were known as of a commit number, by tag; at most one span a
 * tag. Give them to `mergeChunks`. With a cache, only what it lacks crosses the wire.
 */
export async function loadChunks(
  tx: Tx, spans: readonly TagSpan[], asOfCommit: number, cache?: ChunkCache,
): Promise<Map<number, StoredChunk[]>> {
  const chunks = new Map<number, StoredChunk[]>()
  const add = (chunk: StoredChunk): void => {
    const list = chunks.get(chunk.tagRef)
    if (list) list.push(chunk)
    else chunks.set(chunk.tagRef, [chunk])
  }
  if (spans.length === 0) return chunks
  if (!cache) {
    const spanOf = new Map(spans.map((span) => [span.tagRef, span]))
    readChunks(await copyOut(tx, bySpans(spans, asOfCommit, true)), (chunk) => {
      const { fromUs, toUs } = spanOf.get(chunk.tagRef)!
      // A bundle's row comes with its first chunk, whether or not that one is asked for.
      if (chunk.commitNumber <= asOfCommit && chunk.timesUs[0]! < toUs && chunk.timesUs[chunk.timesUs.length - 1]! >= fromUs) add(chunk)
    })
    return chunks
  }
  const missing = new Map<string, RowIdentity>()
  const reader = createCopyReader(await copyOut(tx, bySpans(spans, asOfCommit, false)))
  while (reader.next()) {
    const identity = readIdentity(reader)
    const row = readRowIdentity(reader, identity)
    const key = chunkKey(identity.tagRef, identity.startUs, identity.revision, identity.batchId)
    const held = cache.get(key)
    if (held) add(held)
    else missing.set(key, row)
  }
  if (missing.size === 0) return chunks
  for (const chunk of await loadRows(tx, [...missing.values()])) {
    const key = chunkKey(chunk.tagRef, chunk.timesUs[0]!, chunk.revision, chunk.batchId)
    if (!missing.delete(key)) continue
    cache.put(key, chunk)
    add(chunk)
  }
  if (missing.size > 0) {
    // Compaction put them into a bundle between the two looks: theirs are read again, in one look.
    const moved = new Set([...missing.values()].map(({ tagRef }) => tagRef))
    for (const tagRef of moved) chunks.delete(tagRef)
    const again = await loadChunks(tx, spans.filter(({ tagRef }) => moved.has(tagRef)), asOfCommit)
    for (const [tagRef, list] of again) chunks.set(tagRef, list)
  }
  return chunks
}

/** What was known of several tags as of a commit number; tags without a reading are absent. */
export async function readTagRanges(
  tx: Tx, spans: readonly TagSpan[], asOfCommit: number, cache?: ChunkCache,
): Promise<Map<number, MergedRun>> {
  const chunks = await loadChunks(tx, spans, asOfCommit, cache)
  const runs = new Map<number, MergedRun>()
  for (const span of spans) {
    const run = mergeChunks(chunks.get(span.tagRef) ?? [], span, asOfCommit)
    if (run.timesUs.length > 0) runs.set(span.tagRef, run)
  }
  return runs
}

/** What was known of one tag in [fromUs, toUs) as of a commit number. */
export async function readTagRange(tx: Tx, tagRef: number, fromUs: number, toUs: number, asOfCommit: number = NEWEST): Promise<MergedRun> {
  const span = { tagRef, fromUs, toUs }
  const chunks = await loadChunks(tx, [span], asOfCommit)
  return mergeChunks(chunks.get(tagRef) ?? [], span, asOfCommit)
}

/** Chunks out of these rows, all of a bundle's. Rows that are there no longer give nothing. */
export async function loadRows(tx: Tx, rows: readonly RowIdentity[]): Promise<(StoredChunk & { readonly rowStartUs: number })[]> {
  const chunks: (StoredChunk & { rowStartUs: number })[] = []
  const distinct = [...new Set(rows.map(({ tagRef, rowStartUs, revision, rowBatchId }) =>
    `(${whole(tagRef)}, ${instant(rowStartUs)}, ${whole(revision)}, ${rowBatchId === null ? 'null' : whole(rowBatchId)}::bigint)`))]
  if (distinct.length > 0) readChunks(await copyOut(tx, byIdentity(distinct)), (chunk, rowStartUs) => { chunks.push({ ...chunk, rowStartUs }) })
  return chunks
}

/** Where a chunk is stored: in a row of its own, or, with `rowBatchId` null, in the bundle that begins then. */
export interface RowIdentity {
  readonly tagRef: number
  readonly rowStartUs: number
  readonly revision: number
  readonly rowBatchId: number | null
}

const IDENTITY = 'c.tag_ref, p.t_min, c.revision, p.batch_id, b.commit_number, b.received_at, c.t_min as row_start, c.batch_id is null as bundled'
/** A bundle's arrays come once, with its first part. */
const DATA = ['p.skip', 'p.n as part_n', ...['n', 'interval_us', 'times', 'vals', 'raws', 'quals'].map((column) => `case when p.place = 1 then c.${column} end as ${column}`)]
const ORDER = 'order by c.tag_ref, c.t_min, c.revision, c.batch_id is null, p.place'

/** The chunks that a row `c` stands for: itself, or the parts of a bundle (of those, the ones that `wanted` says). */
const partsOf = (wanted: string): string => `cross join lateral (
      select c.batch_id, c.t_min, c.n, 1::bigint as place, 0::bigint as skip where c.batch_id is not null
      union all
      select u.batch_id, u.t_min, u.n, u.place, u.skip
      from (select q.*, sum(q.n) over (order by q.place) - q.n as skip
            from unnest(c.part_batches, c.part_starts, c.part_ends, c.part_counts) with ordinality as q (batch_id, t_min, t_max, n, place)) u
      where ${wanted}
    ) p`

/**
 * Values go into the text because COPY takes no parameters; all are numbers. A chunk never crosses a midnight, so the
 * look-back ends at the one before the span, and the planner may leave out earlier partitions. Within the day it goes
 * back by the tag's longest chunk, so that reading a busy tag does not cost more the later in the day it is; bundles,
 * which are longer and few, have an index of their own.
 */
function bySpans(spans: readonly TagSpan[], asOfCommit: number, data: boolean): string {
  const earliest = spans.reduce((first, span) => Math.min(first, span.fromUs), Infinity)
  const latest = spans.reduce((last, span) => Math.max(last, span.toUs), -Infinity)
  const values = spans.map(({ tagRef, fromUs, toUs }) =>
    `(${whole(tagRef)}, ${instant(utcMidnight(fromUs))}, ${instant(bundleStart(fromUs))}, ${instant(fromUs)}, ${instant(toUs)})`)
  // `offset 0` keeps the planner from joining the other way round: it cannot know how few chunks a span has, and would
  // rather read the whole day.
  const rows = (since: string, which: string): string => `(select * from reading_chunk c
      where c.tag_ref = s.tag_ref and c.t_min >= ${since} and c.t_min < s.past and c.t_max >= s.first and c.batch_id is ${which}
        and c.t_min >= ${instant(utcMidnight(earliest))} and c.t_min < ${instant(latest)}
      offset 0)`
  const carries = data ? 'p.place = 1 and c.batch_id is null' : 'false'
  return `select ${[IDENTITY, ...data ? DATA : []].join(', ')}
    from (
      select v.tag_ref, v.hour, v.first, v.past, greatest(v.since, v.first - coalesce(h.longest_us * interval '1 microsecond', interval '1 day')) as since
      from (values ${values.join(', ')}) as v (tag_ref, since, hour, first, past) left join tag_head h on h.tag_ref = v.tag_ref
    ) s
    cross join lateral (${rows('s.since', 'not null')} union all ${rows('s.hour', 'null')}) c
    ${partsOf(`${data ? 'u.place = 1 or ' : ''}(u.t_min < s.past and u.t_max >= s.first)`)}
    ${batchOf('p', `(b.commit_number <= ${whole(asOfCommit)} or ${carries})`)}
    ${ORDER}`
}

/** A bundle lies within one UTC hour. */
const bundleStart = (micros: number): number => Math.floor(micros / BUNDLE_SPAN_US) * BUNDLE_SPAN_US

function byIdentity(identities: readonly string[]): string {
  return `select ${[IDENTITY, ...DATA].join(', ')}
    from (values ${identities.join(', ')}) as s (tag_ref, t_min, revision, batch_id)
    join reading_chunk c on c.tag_ref = s.tag_ref and c.t_min = s.t_min and c.revision = s.revision and c.batch_id is not distinct from s.batch_id
    ${partsOf('true')}
    ${batchOf('p', 'true')}
    ${ORDER}`
}

/**
 * The batch of each row found. The planner takes row-level security for a filter that leaves one batch, and would read
 * everything else once for each batch there is; `offset 0` makes it look batches up by their id.
 */
export const batchOf = (row: string, condition: string): string =>
  `cross join lateral (select b.commit_number, b.received_at from raw_batch b where b.batch_id = ${row}.batch_id and ${condition} offset 0) b`

interface Identity {
  readonly tagRef: number
  readonly startUs: number
  readonly revision: number
  readonly batchId: number
  readonly commitNumber: number
  readonly receivedUs: number
}

function readIdentity(reader: CopyReader): Identity {
  return {
    tagRef: reader.int4()!,
    startUs: reader.timestamp()!,
    revision: reader.int2()!,
    batchId: reader.int8()!,
    commitNumber: reader.int8()!,
    receivedUs: reader.timestamp()!,
  }
}

function readRowIdentity(reader: CopyReader, { tagRef, revision, batchId }: Identity): RowIdentity {
  return { tagRef, revision, rowStartUs: reader.timestamp()!, rowBatchId: reader.bool()! ? null : batchId }
}

function readChunks(bytes: Buffer, see: (chunk: StoredChunk, rowStartUs: number) => void): void {
  const reader = createCopyReader(bytes)
  let bundle: Run | undefined
  while (reader.next()) {
    const { startUs, ...identity } = readIdentity(reader)
    const { rowStartUs, rowBatchId } = readRowIdentity(reader, { startUs, ...identity })
    const skip = reader.int8()!
    const partN = reader.int4()!
    const run = readRun(reader, rowStartUs)
    if (rowBatchId === null) bundle = run ?? bundle
    see({ ...identity, ...(rowBatchId === null ? cutChunk(bundle!, skip, partN) : run!) }, rowStartUs)
  }
}

/** The row's arrays; undefined where a bundle's came with an earlier part. */
function readRun(reader: CopyReader, startUs: number): Run | undefined {
  const n = reader.int4()
  const intervalUs = reader.int8()
  const times = reader.timestampArray()
  const [values, raws, quality] = [reader.float8Array(), reader.float8Array(), reader.uint16Array()]
  if (n === null) return undefined
  return { timesUs: times ?? Float64Array.from({ length: n }, (_, i) => startUs + i * intervalUs!), values: values!, raws, quality }
}

/** A number as SQL; anything else never gets into a query. */
export function whole(value: number): string {
  if (!Number.isSafeInteger(value)) throw new Error(`${value} is not a whole number`)
  return String(value)
}

/** Micros as a timestamptz literal, which the planner can use to leave out partitions. */
export function instant(micros: number): string {
  if (micros === Infinity || micros === -Infinity) return `timestamptz '${micros < 0 ? '-' : ''}infinity'`
  return `timestamptz '${new Date(Math.floor(micros / 1000)).toISOString().slice(0, 23)}${String(((micros % 1000) + 1000) % 1000).padStart(3, '0')}+00'`
}
