import { FUTURE_TOLERANCE_US } from '../../registry/domain/ingest/check-run.ts'
import { tellMoved } from '../../registry/store/batch-news.ts'
import { takeCommitNumbers } from '../../registry/store/commits.ts'
import { insertChunks, insertWaveforms, storedChunk, type ChunkRow } from '../../registry/store/chunk-rows.ts'
import { chunkKey, type ChunkCache } from '../../registry/store/chunks.ts'
import { advanceGatewayLane, insertAssetSources, type AssetSource, type LaneProgress } from '../../registry/store/gateways.ts'
import { insertQuarantine } from '../../registry/store/quarantine.ts'
import { markCommitted, markQuarantined, readRawBatches, type BatchRefusal, type CommittedBatch, type RawBatch } from '../../registry/store/raw-batches.ts'
import { lockTagHeads, raiseTagHeads } from '../../registry/store/tag-heads.ts'
import type { Tx } from '../../registry/store/transaction.ts'
import type { CheckedBatch } from './check-batch.ts'
import { settleReadings } from './settle-readings.ts'
import { settleWaveforms } from './settle-waveforms.ts'

export interface RefusedBatch { readonly batch: RawBatch; readonly refusal: BatchRefusal }

export interface CommittedGroup {
  readonly committed: readonly CommittedBatch[]
  readonly quarantined: number
  readonly chunks: readonly ChunkRow[]
}

/**
 * Stores a group of batches of one site and gives each its commit number in the order given: all of it in the caller's
 * transaction, or nothing. Batches that another run committed meanwhile are left out.
 */
export async function commitGroup(
  tx: Tx, site: string, checked: readonly CheckedBatch[], refused: readonly RefusedBatch[], cache?: ChunkCache,
): Promise<CommittedGroup> {
  const ids = [...checked.map(({ batch }) => batch.batchId), ...refused.map(({ batch }) => batch.batchId)]
  const open = new Set((await readRawBatches(tx, ids, true)).filter(({ state }) => state === 'landed').map(({ batchId }) => batchId))

  const setAside = refused.filter(({ batch }) => open.has(batch.batchId))
  for (const { batch, refusal } of setAside) await markQuarantined(tx, batch.batchId, refusal)
  await insertQuarantine(tx, site, setAside.map(({ batch, refusal }) => ({
    batchId: batch.batchId, gateway: batch.gateway, epoch: batch.epoch, sequence: batch.sequence, digest: batch.digest, objectKey: batch.objectKey,
    tagKey: null, ...refusal, rowCount: batch.rowCount, firstUs: null, lastUs: null, sample: null,
  })))

  const batches = checked.filter(({ batch }) => open.has(batch.batchId))
  // The dispatcher may send the next group on while this one's windows are closed. Told when all of this commits, also where nothing is left to store.
  await tellMoved(tx)
  if (batches.length === 0) return { committed: [], quarantined: setAside.length, chunks: [] }

  const tagRefs = batches.flatMap(({ runs, waveforms }) => [...runs, ...waveforms].map(({ tag }) => tag.tagRef))
  const heads = await lockTagHeads(tx, site, tagRefs)
  const readings = await settleReadings(tx, batches, heads, cache)
  const waves = await settleWaveforms(tx, batches, heads)
  await insertChunks(tx, site, readings.chunks)
  await insertWaveforms(tx, site, waves.waveforms)
  await raiseTagHeads(tx, new Map([...readings.newest, ...waves.newest]), readings.longest)
  await insertQuarantine(tx, site, batches.flatMap(({ quarantine }) => quarantine))
  for (const progress of laneProgress(batches)) await advanceGatewayLane(tx, site, progress)

  const first = await takeCommitNumbers(tx, site, batches.length)
  const committed = batches.map((checkedBatch, i): CommittedBatch => {
    const { batch, quarantinedRows } = checkedBatch
    const { counts, firstUs, lastUs } = (batch.kind === 'readings' ? readings : waves).effects.get(batch.batchId)!
    return {
      batchId: batch.batchId, commitNumber: first + i, completeThroughUs: completeThrough(checkedBatch),
      firstUs: finite(firstUs), lastUs: finite(lastUs), outcome: { ...counts, quarantined: quarantinedRows },
    }
  })
  await markCommitted(tx, committed)
  await insertAssetSources(tx, site, sourcesOf(batches, first))
  return { committed, quarantined: setAside.length, chunks: readings.chunks }
}

/** Puts stored chunks where the closing of windows finds them. Call it once the transaction has committed. */
export function rememberChunks(cache: ChunkCache, { chunks, committed }: CommittedGroup, receivedUs: ReadonlyMap<number, number>): void {
  const commits = new Map(committed.map(({ batchId, commitNumber }) => [batchId, commitNumber]))
  for (const row of chunks) {
    cache.put(chunkKey(row.tagRef, row.timesUs[0]!, row.revision, row.batchId), storedChunk(row, commits.get(row.batchId)!, receivedUs.get(row.batchId)!))
  }
}

/**
 * How far the batch says its lane is complete, else its newest reading; null when it says nothing. Never further ahead
 * than a reading could be: a gateway whose clock runs ahead would make all that follows late.
 */
function completeThrough({ batch, newestUs }: CheckedBatch): number | null {
  const said = batch.completeThroughUs ?? finite(newestUs)
  return said === null ? null : Math.min(said, batch.receivedUs + FUTURE_TOLERANCE_US)
}

function laneProgress(batches: readonly CheckedBatch[]): LaneProgress[] {
  const lanes = new Map<string, LaneProgress>()
  for (const checked of batches) {
    const { gateway, epoch, lane, sequence } = checked.batch
    const completeThroughUs = completeThrough(checked)
    if (completeThroughUs === null) continue
    const key = `${gateway} ${epoch} ${lane}`
    const before = lanes.get(key)
    lanes.set(key, {
      gateway, epoch, lane,
      completeThroughUs: Math.max(completeThroughUs, before?.completeThroughUs ?? -Infinity),
      lastSequence: Math.max(sequence, before?.lastSequence ?? 0),
    })
  }
  return [...lanes.values()]
}

/** Which buffers feed which assets since which commit number, each once. */
function sourcesOf(batches: readonly CheckedBatch[], firstCommit: number): AssetSource[] {
  const sources = new Map<string, AssetSource>()
  batches.forEach(({ batch: { gateway, epoch, lane }, runs, waveforms }, i) => {
    for (const { tag: { assetRef } } of [...runs, ...waveforms]) {
      const key = `${assetRef} ${lane} ${gateway} ${epoch}`
      if (!sources.has(key)) sources.set(key, { assetRef, lane, gateway, epoch, firstCommit: firstCommit + i })
    }
  })
  return [...sources.values()]
}

const finite = (micros: number): number | null => (Number.isFinite(micros) ? micros : null)
