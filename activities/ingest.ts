import { setImmediate as breathe } from 'node:timers/promises'
import { activityInfo, heartbeat, log } from '@temporalio/activity'
import type { ObjectStore } from '../registry/artifacts/object-store.ts'
import { cutRun } from '../registry/domain/ingest/runs.ts'
import { ensurePartitions } from '../registry/store/chunk-rows.ts'
import type { ChunkCache } from '../registry/store/chunks.ts'
import { readIngestTags } from '../registry/store/ingest-tags.ts'
import { isPassing } from '../registry/store/passing-errors.ts'
import type { Pool } from '../registry/store/pool.ts'
import { readRawBatches } from '../registry/store/raw-batches.ts'
import { utcMidnight } from '../registry/store/sql-time.ts'
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

/** Tries of a whole group before its batches are stored one by one, to find the one that cannot be. */
const GROUP_TRIES = 3
const HEARTBEAT_MS = 10_000

/** The activities that turn landed batches into stored readings. */
export function createIngestActivities(deps: IngestActivityDeps) {
  const months = new Set<string>()
  return {
    /**
     * Stores a group of landed batches in one transaction. A batch that cannot be read, or that fails time after time
     * for no passing reason, is quarantined and the others commit. Safe to run twice: what is committed is skipped.
     */
    async storeBatches(input: StoreBatchesInput): Promise<StoreBatchesResult> {
      const beat = setInterval(heartbeat, HEARTBEAT_MS)
      try {
        return await storeBatches(deps, months, input)
      } catch (error) {
        if (isPassing(error) || activityInfo().attempt < GROUP_TRIES) throw error
        log.error('a group of batches cannot be stored; trying them one by one', { batchIds: input.batchIds, error: String(error) })
        return await storeOneByOne(deps, months, input, (batchId, cause) => {
          log.error('a batch cannot be stored and is quarantined', { batchId, error: cause instanceof Error ? cause.stack : String(cause) })
        })
      } finally {
        clearInterval(beat)
      }
    },
  }
}

/**
 * Each batch in a transaction of its own; one that fails is set aside, so that it cannot block its gateway for ever.
 * Passing failures still end it all: they say nothing about the batch.
 */
export async function storeOneByOne(
  deps: IngestActivityDeps, months: Set<string>, input: StoreBatchesInput, onFailure: (batchId: string, error: unknown) => void,
): Promise<StoreBatchesResult> {
  let committed = 0
  let quarantined = 0
  for (const batchId of input.batchIds) {
    try {
      const result = await storeBatches(deps, months, { ...input, batchIds: [batchId] })
      committed += result.committed
      quarantined += result.quarantined
    } catch (error) {
      if (isPassing(error)) throw error
      onFailure(batchId, error)
      await inSite(deps.pool, input.site, async (tx) => {
        const refused = (await readRawBatches(tx, [Number(batchId)])).map((batch) => ({ batch, refusal: UNSTORABLE }))
        quarantined += (await commitGroup(tx, input.site, [], refused)).quarantined
      })
    }
  }
  return { committed, quarantined }
}

const UNSTORABLE = {
  code: 'unprocessable',
  reason: 'The batch failed each time it was stored, alone too. The log of the worker says why; the bytes are kept.',
}

/** One transaction for the group. `months` remembers the partitions that are there. */
export async function storeBatches(
  { pool, objects, cache }: IngestActivityDeps, months: Set<string>, { site, batchIds }: StoreBatchesInput,
): Promise<StoreBatchesResult> {
  const landed = await inSite(pool, site, async (tx) =>
    (await readRawBatches(tx, batchIds.map(Number))).filter(({ state }) => state === 'landed'))
  if (landed.length === 0) return { committed: 0, quarantined: 0 }

  const fetched = await fetchBatches(objects, landed)
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
  const group = await inSite(pool, site, (tx) => commitGroup(tx, site, checked, refused, cache)).catch((error: unknown) => {
    // Perhaps a partition that was there is gone (retention): the next try asks for all of them again.
    months.clear()
    throw error
  })
  rememberChunks(cache, group, new Map(landed.map(({ batchId, receivedUs }) => [batchId, receivedUs])))
  return { committed: group.committed.length, quarantined: group.quarantined }
}

function* partitionTimes(batches: readonly CheckedBatch[]): Generator<number> {
  for (const { runs, waveforms } of batches) {
    for (const { run } of runs) {
      const { timesUs } = run
      yield timesUs[0]!
      // Chunks never cross a midnight, so only a run that does has others that begin elsewhere.
      if (utcMidnight(timesUs[timesUs.length - 1]!) > timesUs[0]!) for (const piece of cutRun(run)) yield piece.timesUs[0]!
    }
    for (const { row } of waveforms) yield row.startUs
  }
}
