import { setImmediate as breathe } from 'node:timers/promises'
import { heartbeat } from '@temporalio/activity'
import type { ObjectStore } from '../registry/artifacts/object-store.ts'
import { cutRun } from '../registry/domain/ingest/runs.ts'
import { ensurePartitions } from '../registry/store/chunk-rows.ts'
import type { ChunkCache } from '../registry/store/chunks.ts'
import { readIngestTags } from '../registry/store/ingest-tags.ts'
import type { Pool } from '../registry/store/pool.ts'
import { readRawBatches } from '../registry/store/raw-batches.ts'
import { inSite } from '../registry/store/transaction.ts'
import { checkBatch, tagKeysOf, type CheckedBatch } from './ingest/check-batch.ts'
import { commitGroup, rememberChunks, type RefusedBatch } from './ingest/commit-group.ts'
import { fetchBatches } from './ingest/fetch-batches.ts'

export interface IngestActivityDeps {
  readonly pool: Pool
  readonly objects: ObjectStore
  /** Shared with the activities that close windows in the same process. */
  readonly cache: ChunkCache
}

export interface StoreBatchesInput {
  readonly site: string
  readonly gateway: string
  readonly epoch: string
  readonly batchIds: readonly string[]
}

export interface StoreBatchesResult { readonly committed: number; readonly quarantined: number }

/** The activities that turn landed batches into stored readings. */
export function createIngestActivities(deps: IngestActivityDeps) {
  const months = new Set<string>()
  return {
    /**
     * Stores a group of landed batches in one transaction. A batch that cannot be read is quarantined and the others
     * commit. Safe to run twice: what is committed already is skipped.
     */
    storeBatches: (input: StoreBatchesInput): Promise<StoreBatchesResult> => storeBatches(deps, months, input, heartbeat),
  }
}

/** The same outside of a workflow; `progress` is called while it goes on. */
export async function storeBatches(
  { pool, objects, cache }: IngestActivityDeps, months: Set<string>, { site, batchIds }: StoreBatchesInput, progress: () => void = () => undefined,
): Promise<StoreBatchesResult> {
  const landed = await inSite(pool, site, async (tx) =>
    (await readRawBatches(tx, batchIds.map(Number))).filter(({ state }) => state === 'landed'))
  if (landed.length === 0) return { committed: 0, quarantined: 0 }

  const fetched = await fetchBatches(objects, landed, progress)
  const keys = new Set(fetched.flatMap((item) => ('decoded' in item ? tagKeysOf(item.decoded) : [])))
  const tags = await inSite(pool, site, (tx) => readIngestTags(tx, site, [...keys]))
  const checked: CheckedBatch[] = []
  const refused: RefusedBatch[] = []
  for (const item of fetched) {
    if ('decoded' in item) checked.push(checkBatch(item.batch, item.decoded, tags))
    else refused.push(item)
    // A few ms of work each; between them heartbeats and other activities get their turn.
    await breathe()
  }

  // Before the transaction: making a partition waits for every transaction that uses the table, ours included.
  await ensurePartitions(pool, months, partitionTimes(checked))
  progress()
  const group = await inSite(pool, site, (tx) => commitGroup(tx, site, checked, refused, cache))
  rememberChunks(cache, group, new Map(landed.map(({ batchId, receivedUs }) => [batchId, receivedUs])))
  return { committed: group.committed.length, quarantined: group.quarantined }
}

function* partitionTimes(batches: readonly CheckedBatch[]): Generator<number> {
  for (const { runs, waveforms } of batches) {
    for (const { run } of runs) for (const piece of cutRun(run)) yield piece.timesUs[0]!
    for (const { row } of waveforms) yield row.startUs
  }
}
