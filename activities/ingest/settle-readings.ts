import type { StoredChunk } from '../../registry/domain/ingest/chunk.ts'
import { settleRun, type ReadingCounts } from '../../registry/domain/ingest/settle-run.ts'
import { toChunkRows, type ChunkRow } from '../../registry/store/chunk-rows.ts'
import { loadChunks, NEWEST, type ChunkCache, type TagSpan } from '../../registry/store/chunks.ts'
import type { Tx } from '../../registry/store/transaction.ts'
import type { CheckedBatch } from './check-batch.ts'

export interface SettledReadings {
  readonly chunks: readonly ChunkRow[]
  /** By batch. */
  readonly counts: ReadonlyMap<number, ReadingCounts>
  /** Newest time stored, by tag. */
  readonly newest: ReadonlyMap<number, number>
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
  const chunks: ChunkRow[] = []
  const counts = new Map<number, ReadingCounts>()
  for (const { batch, runs } of batches) {
    const total = { accepted: 0, repeated: 0, revised: 0 }
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
          // The next batch of the group must see it as stored.
          const list = known.get(tagRef)
          const chunk = { ...row, commitNumber: NEWEST, receivedUs: batch.receivedUs }
          if (list) list.push(chunk)
          else known.set(tagRef, [chunk])
        }
      }
    }
    counts.set(batch.batchId, total)
  }
  return { chunks, counts, newest }
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
