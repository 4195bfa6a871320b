import type { StoredChunk } from '../../registry/domain/ingest/chunk.ts'
import { settleRun, type ReadingCounts } from '../../registry/domain/ingest/settle-run.ts'
import { storedChunk, toChunkRows, type ChunkRow } from '../../registry/store/chunk-rows.ts'
import { loadChunks, NEWEST, type ChunkCache, type TagSpan } from '../../registry/store/chunks.ts'
import type { Tx } from '../../registry/store/transaction.ts'
import type { CheckedBatch } from './check-batch.ts'

/** What one batch changed: the fates of its rows, and the source times of those that were stored. */
export interface BatchEffect {
  readonly counts: ReadingCounts
  /** ±Infinity, the wrong way round, when nothing was stored. */
  readonly firstUs: number
  readonly lastUs: number
}

export interface SettledReadings {
  readonly chunks: readonly ChunkRow[]
  /** By batch. */
  readonly effects: ReadonlyMap<number, BatchEffect>
  /** Newest time stored, by tag. */
  readonly newest: ReadonlyMap<number, number>
  /** Longest chunk, first to last reading, by tag. */
  readonly longest: ReadonlyMap<number, number>
}

/**
 * Decides, batch by batch in their order, what of their readings is new, repeated or revised, and cuts it into chunks.
 * `heads` are the tags' newest stored times, under lock: only what begins at or before them can overlap what is stored,
 * so that in the usual case nothing is read.
 */
export async function settleReadings(
  tx: Tx, batches: readonly CheckedBatch[], heads: ReadonlyMap<number, number>, cache?: ChunkCache,
): Promise<SettledReadings> {
  const stored = await loadChunks(tx, overlaps(batches, heads), NEWEST, cache)
  const known = new Map<number, StoredChunk[]>([...stored].map(([tagRef, chunks]) => [tagRef, [...chunks]]))
  const newest = new Map<number, number>()
  const longest = new Map<number, number>()
  const chunks: ChunkRow[] = []
  const effects = new Map<number, BatchEffect>()
  for (const { batch, runs } of batches) {
    const total = { accepted: 0, repeated: 0, revised: 0 }
    let firstUs = Infinity
    let lastUs = -Infinity
    for (const { tag: { tagRef }, run } of runs) {
      const head = Math.max(heads.get(tagRef) ?? -Infinity, newest.get(tagRef) ?? -Infinity)
      const settled = settleRun(run, run.timesUs[0]! > head ? [] : known.get(tagRef) ?? [])
      total.accepted += settled.counts.accepted
      total.repeated += settled.counts.repeated
      total.revised += settled.counts.revised
      newest.set(tagRef, Math.max(newest.get(tagRef) ?? -Infinity, run.timesUs[run.timesUs.length - 1]!))
      for (const part of settled.parts) {
        for (const row of toChunkRows(tagRef, batch.batchId, part.revision, part.run)) {
          chunks.push(row)
          const [from, to] = [row.timesUs[0]!, row.timesUs[row.timesUs.length - 1]!]
          firstUs = Math.min(firstUs, from)
          lastUs = Math.max(lastUs, to)
          longest.set(tagRef, Math.max(longest.get(tagRef) ?? 0, to - from))
          // The next batch of the group must see it as stored.
          const list = known.get(tagRef)
          const chunk = storedChunk(row, NEWEST, batch.receivedUs)
          if (list) list.push(chunk)
          else known.set(tagRef, [chunk])
        }
      }
    }
    effects.set(batch.batchId, { counts: total, firstUs, lastUs })
  }
  return { chunks, effects, newest, longest }
}

/** Of each tag the span in which the group may meet stored readings. */
function overlaps(batches: readonly CheckedBatch[], heads: ReadonlyMap<number, number>): TagSpan[] {
  const spans = new Map<number, TagSpan>()
  for (const { runs } of batches) {
    for (const { tag: { tagRef }, run: { timesUs } } of runs) {
      const fromUs = timesUs[0]!
      if (fromUs > (heads.get(tagRef) ?? -Infinity)) continue
      const toUs = timesUs[timesUs.length - 1]! + 1
      const span = spans.get(tagRef)
      spans.set(tagRef, { tagRef, fromUs: Math.min(fromUs, span?.fromUs ?? Infinity), toUs: Math.max(toUs, span?.toUs ?? -Infinity) })
    }
  }
  return [...spans.values()]
}
