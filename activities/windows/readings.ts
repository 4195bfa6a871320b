import type { KnownReadings } from '../../registry/domain/windows/window-readings.ts'
import { loadChunks, type ChunkCache, type TagSpan } from '../../registry/store/chunks.ts'
import type { Tx } from '../../registry/store/transaction.ts'
import { loadWaveforms } from '../../registry/store/waveforms.ts'
import type { LanePlan } from './lane-plan.ts'

/**
 * Everything that the due windows of some lanes can read, one interval a tag. What the cache holds does not cross the
 * wire again; which chunks exist is always the store's word, so a cache can never change a result.
 */
export async function gatherReadings(tx: Tx, lanes: readonly LanePlan[], cache: ChunkCache): Promise<KnownReadings> {
  const scalars = new Map<number, TagSpan>()
  const waveforms = new Map<number, TagSpan>()
  let asOfCommit = 0
  for (const { ranges, set, tags } of lanes) {
    const first = ranges[0]
    const last = ranges.at(-1)
    if (first === undefined || last === undefined) continue
    asOfCommit = Math.max(asOfCommit, last.commitNumber)
    for (const { tagRef, kind } of tags) {
      const spans = kind === 'scalar' ? scalars : waveforms
      spans.set(tagRef, hull(spans.get(tagRef), { tagRef, fromUs: first.afterUs + set.set.hopUs - set.set.windowUs, toUs: last.throughUs }))
    }
  }
  return {
    chunks: await loadChunks(tx, [...scalars.values()], asOfCommit, cache),
    waveforms: await loadWaveforms(tx, [...waveforms.values()], asOfCommit),
  }
}

const hull = (a: TagSpan | undefined, b: TagSpan): TagSpan =>
  a === undefined ? b : { tagRef: b.tagRef, fromUs: Math.min(a.fromUs, b.fromUs), toUs: Math.max(a.toUs, b.toUs) }
