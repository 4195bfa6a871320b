import type { MergedRun, Span, StoredChunk } from '../domain/ingest/chunk.ts'
import { mergeChunks } from '../domain/ingest/merge.ts'
import { copyOut } from './copy.ts'
import { createCopyReader, type CopyReader } from './copy-reader.ts'
import { utcMidnight } from './sql-time.ts'
import type { Tx } from './transaction.ts'

/** Readings of one tag in [fromUs, toUs). */
export interface TagSpan extends Span {
  readonly tagRef: number
}

/** Identity of a stored chunk. What it names never changes, so a cache of them is never stale. */
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
    readChunks(await copyOut(tx, bySpans(spans, asOfCommit, DATA)), add)
    return chunks
  }
  const missing: string[] = []
  const reader = createCopyReader(await copyOut(tx, bySpans(spans, asOfCommit, [])))
  while (reader.next()) {
    const { tagRef, startUs, revision, batchId } = readIdentity(reader)
    const held = cache.get(chunkKey(tagRef, startUs, revision, batchId))
    if (held) add(held)
    else missing.push(`(${tagRef}, ${instant(startUs)}, ${revision}, ${batchId})`)
  }
  if (missing.length > 0) {
    readChunks(await copyOut(tx, byIdentity(missing)), (chunk) => {
      cache.put(chunkKey(chunk.tagRef, chunk.timesUs[0]!, chunk.revision, chunk.batchId), chunk)
      add(chunk)
    })
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

const DATA = ['c.n', 'c.interval_us', 'c.times', 'c.vals', 'c.raws', 'c.quals'] as const
const IDENTITY = 'c.tag_ref, c.t_min, c.revision, c.batch_id, b.commit_number, b.received_at'

/**
 * Values go into the text because COPY takes no parameters; all are numbers. A chunk never crosses a midnight, so the
 * look-back ends at the one before the span, and the planner may leave out earlier partitions. Within the day it goes
 * back by the tag's longest chunk, so that reading a busy tag does not cost more the later in the day it is.
 */
function bySpans(spans: readonly TagSpan[], asOfCommit: number, data: readonly string[]): string {
  const earliest = spans.reduce((first, span) => Math.min(first, span.fromUs), Infinity)
  const latest = spans.reduce((last, span) => Math.max(last, span.toUs), -Infinity)
  const values = spans.map(({ tagRef, fromUs, toUs }) => `(${whole(tagRef)}, ${instant(utcMidnight(fromUs))}, ${instant(fromUs)}, ${instant(toUs)})`)
  // `offset 0` keeps the planner from joining the other way round: it cannot know how few chunks a span has, and would
  // rather read the whole day.
  return `select ${[IDENTITY, ...data].join(', ')}
    from (
      select v.tag_ref, v.first, v.past, greatest(v.since, v.first - coalesce(h.longest_us * interval '1 microsecond', interval '1 day')) as since
      from (values ${values.join(', ')}) as v (tag_ref, since, first, past) left join tag_head h on h.tag_ref = v.tag_ref
    ) s
    cross join lateral (
      select * from reading_chunk c
      where c.tag_ref = s.tag_ref and c.t_min >= s.since and c.t_min < s.past and c.t_max >= s.first
        and c.t_min >= ${instant(utcMidnight(earliest))} and c.t_min < ${instant(latest)}
      offset 0
    ) c
    ${batchOf(`b.commit_number <= ${whole(asOfCommit)}`)}
    order by c.tag_ref, c.t_min, c.revision`
}

function byIdentity(identities: readonly string[]): string {
  return `select ${[IDENTITY, ...DATA].join(', ')}
    from (values ${identities.join(', ')}) as s (tag_ref, t_min, revision, batch_id)
    join reading_chunk c on c.tag_ref = s.tag_ref and c.t_min = s.t_min and c.revision = s.revision and c.batch_id = s.batch_id
    ${batchOf('true')}`
}

/**
 * The batch of each row found. The planner takes row-level security for a filter that leaves one batch, and would read
 * everything else once for each batch there is; `offset 0` makes it look batches up by their id.
 */
export const batchOf = (condition: string): string =>
  `cross join lateral (select b.commit_number, b.received_at from raw_batch b where b.batch_id = c.batch_id and ${condition} offset 0) b`

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

function readChunks(bytes: Buffer, see: (chunk: StoredChunk) => void): void {
  const reader = createCopyReader(bytes)
  while (reader.next()) {
    const { startUs, ...identity } = readIdentity(reader)
    const n = reader.int4()!
    const intervalUs = reader.int8()
    const times = reader.timestampArray()
    see({
      ...identity,
      timesUs: times ?? Float64Array.from({ length: n }, (_, i) => startUs + i * intervalUs!),
      values: reader.float8Array()!,
      raws: reader.float8Array(),
      quality: reader.uint16Array(),
    })
  }
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
