import { proxyActivities } from '@temporalio/workflow'
import type { createIngestActivities } from '../activities/ingest.ts'
import type { WindowActivities } from '../activities/windows.ts'
import { taskQueues } from './ids.ts'
import type { IngestBatchInput, IngestBatchResult } from './messages.ts'

/** Passing failures are tried again without end: a store that is away comes back, and nothing else can be done. */
const retry = { initialInterval: '500ms', backoffCoefficient: 2, maximumInterval: '30s' } as const

const { storeBatches } = proxyActivities<ReturnType<typeof createIngestActivities>>({
  taskQueue: taskQueues.ingest,
  startToCloseTimeout: '5 minutes',
  heartbeatTimeout: '20s',
  retry,
})

const { closeWindows } = proxyActivities<WindowActivities>({
  taskQueue: taskQueues.ingest,
  startToCloseTimeout: '15 minutes',
  heartbeatTimeout: '20s',
  retry,
})

/** Takes a group of landed batches of one gateway to stored readings and closed windows. */
export async function ingestBatch({ site, gateway, epoch, batchIds }: IngestBatchInput): Promise<IngestBatchResult> {
  const stored = await storeBatches({ site, gateway, epoch, batchIds })
  const closed = await closeWindows({ site, batchIds })
  return { committed: stored.committed, quarantined: stored.quarantined, windows: closed.windows }
}
