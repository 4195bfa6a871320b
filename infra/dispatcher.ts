import type { Client } from '@temporalio/client'
import type { Logger } from 'pino'
import { BATCH_NEWS_CHANNEL } from '../registry/store/batch-news.ts'
import type { Pool } from '../registry/store/pool.ts'
import { ALL_SITES, inSite } from '../registry/store/transaction.ts'
import { readWaitingBatches } from '../registry/store/waiting-batches.ts'
import { taskQueues, workflowIds } from '../workflows/ids.ts'
import { workflowTypes, type IngestBatchInput } from '../workflows/messages.ts'
import { buffersStoring, groupLimits, nextGroups, overlap, type Group } from './dispatch-groups.ts'
import { createListener } from './pg-listener.ts'

export interface Dispatcher {
  start(): void
  /** Ends the loops; workflows under way go on, and the next dispatcher finds them. */
  stop(): Promise<void>
}

export interface DispatcherOptions {
  readonly pool: Pool
  readonly client: Client
  readonly log: Logger
  /** Wall clock in UTC microseconds. */
  readonly nowUs?: () => number
  readonly pollMs?: number
  /** Workflows under way at once, over all gateways. */
  readonly maxInFlight?: number
  /** Fewest readings of a group that is stored while the windows of the one before are closed. */
  readonly overlapRows?: number
}

const FIRST_WAIT_MS = 1000
const LONGEST_WAIT_MS = 60_000
const nowhere: ReadonlySet<string> = new Set()

/**
 * Starts `ingestBatch` for every batch without an outcome: those that just landed, and again any whose workflow ended
 * without one or was lost with Temporal's database. The batches of a gateway buffer are stored in their order: its next
 * workflow starts when those of the one before are committed, at the earliest.
 */
export function createDispatcher({ pool, client, log, nowUs = () => Date.now() * 1000, pollMs = 1000, maxInFlight = 8, overlapRows = overlap.rows }: DispatcherOptions): Dispatcher {
  /** Each with a signal of its own: the client keeps a listener on it for every call, and lets none go. */
  const inFlight = new Map<Group, { readonly ended: Promise<void>; readonly giveUp: AbortController }>()
  /** By buffer: after failures how long to wait. */
  const failures = new Map<string, { count: number; notBefore: number }>()
  /** First batch of the last group that ended well: it should not come again. */
  const done = new Map<string, string>()
  let running = false
  let looking: Promise<void> | null = null
  let lookAgain = false
  let timer: NodeJS.Timeout | undefined
  /** Buffers that cannot go on before what is under way of them is stored, as the last look found it: {@link buffersStoring}. */
  let storing = nowhere
  const listener = createListener({ pool, channel: BATCH_NEWS_CHANNEL, log, onNotify(landedIn) {
    // Batches come by the dozen while those before them are stored, which is told when it is done: no need to look for each.
    if (!storing.has(landedIn)) wake()
  } })

  function wake(): void {
    if (!running) return
    if (looking) {
      lookAgain = true
      return
    }
    clearTimeout(timer)
    lookAgain = false
    looking = look()
      .catch((error: unknown) => { log.warn({ err: error }, 'cannot look for waiting batches; trying again') })
      .finally(() => {
        looking = null
        if (!running) return
        if (lookAgain) wake()
        else timer = setTimeout(wake, pollMs)
      })
  }

  async function look(): Promise<void> {
    // Of what is told while we look nobody can say whether the look has seen it.
    storing = nowhere
    if (inFlight.size >= maxInFlight) return
    // A group that ends while we look may still stand there as waiting; its end makes us look again.
    const underWay = [...inFlight.keys()]
    const waiting = await inSite(pool, ALL_SITES, (tx) => readWaitingBatches(tx, overlap.groups * groupLimits.batches))
    for (const group of nextGroups(waiting, nowUs(), underWay, overlapRows)) {
      if (!running || inFlight.size >= maxInFlight) break
      if ((failures.get(group.key)?.notBefore ?? 0) > Date.now()) continue
      if (group.passedGap) {
        log.warn({ buffer: group.key, sequence: group.batches[0]!.sequence }, 'batches before this one are missing and no longer waited for')
      }
      const giveUp = new AbortController()
      inFlight.set(group, { ended: ingest(group, giveUp.signal), giveUp })
    }
    storing = buffersStoring(waiting, [...inFlight.keys()])
  }

  async function ingest(group: Group, giveUp: AbortSignal): Promise<void> {
    const { site, gateway, epoch, sequence, batchId, traceId } = group.batches[0]!
    const workflowId = workflowIds.ingest(site, gateway, epoch, sequence)
    const input: IngestBatchInput = { site, gateway, epoch, batchIds: group.batches.map(({ batchId }) => batchId), traceId }
    try {
      // Given up when the dispatcher stops: a poll under way would outlive the connection.
      await client.withAbortSignal(giveUp, async () => {
        const handle = await client.workflow.start(workflowTypes.ingestBatch, {
          taskQueue: taskQueues.main,
          workflowId,
          args: [input],
          // One that is under way keeps going; one that ended left something waiting, so it runs again.
          workflowIdConflictPolicy: 'USE_EXISTING',
          workflowIdReusePolicy: 'ALLOW_DUPLICATE',
        })
        await handle.result()
      })
      if (done.get(group.key) === batchId) throw new Error(`batch ${batchId} still waits after its workflow ended well`)
      done.set(group.key, batchId)
      failures.delete(group.key)
    } catch (error) {
      if (!running) return
      const count = (failures.get(group.key)?.count ?? 0) + 1
      const wait = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(count - 1, 10))
      failures.set(group.key, { count, notBefore: Date.now() + wait })
      log.warn({ err: error, workflowId, tries: count, waitMs: wait }, 'ingest did not end well; it is started again')
    } finally {
      inFlight.delete(group)
      wake()
    }
  }

  return {
    start() {
      running = true
      listener.start()
      wake()
    },
    async stop() {
      running = false
      clearTimeout(timer)
      for (const { giveUp } of inFlight.values()) giveUp.abort()
      await listener.stop()
      await looking
      await Promise.all([...inFlight.values()].map(({ ended }) => ended))
    },
  }
}
