import { Client, Connection } from '@temporalio/client'
import { msToTs } from '@temporalio/common/lib/time.js'
import { pino } from 'pino'
import { logTemporalTo } from '../temporal-log.ts'
import { connectWorkers, createWorkers } from '../temporal.ts'
import type { TemporalConnection } from '../config.ts'
import { taskQueues } from '../../workflows/ids.ts'
import { workflowTypes, type IngestBatchInput } from '../../workflows/messages.ts'

/** Median milliseconds from start to close of the `ingestBatch` workflows that match, by Temporal's own clock. */
export async function medianRunMs(client: Client, query: string): Promise<number> {
  const times: number[] = []
  for await (const run of client.workflow.list({ query })) if (run.closeTime) times.push(run.closeTime.getTime() - run.startTime.getTime())
  return median(times)
}

/**
 * The same workflow with activities that do nothing, on the same server in a namespace of its own (the platform's worker
 * must not take its tasks): the cost of orchestration alone.
 */
export async function emptyRunMs(temporal: TemporalConnection, count: number): Promise<number> {
  logTemporalTo(pino({ level: 'silent' }))
  const namespace = 'bench-empty'
  const control = await Connection.connect({ address: temporal.address })
  await control.workflowService.registerNamespace({ namespace, workflowExecutionRetentionPeriod: msToTs('1 day') })
  const client = new Client({ connection: control, namespace })
  const connection = await connectWorkers(temporal)
  const nothing = { storeBatches: async () => ({ committed: 1, quarantined: 0 }), closeWindows: async () => ({ windows: 0 }) }
  const workers = await createWorkers({
    connection, namespace,
    specs: [{ taskQueue: taskQueues.main, workflows: true, activities: {} }, { taskQueue: taskQueues.ingest, workflows: false, activities: nothing }],
  })
  const running = workers.run()
  try {
    const times: number[] = []
    for (let i = -3; i < count; i++) {
      const input: IngestBatchInput = { site: 'bench', gateway: 'nobody', epoch: '0'.repeat(16), batchIds: ['0'], traceId: '0'.repeat(32) }
      const run = await client.workflow.start(workflowTypes.ingestBatch, { taskQueue: taskQueues.main, workflowId: `empty-${i}-${Date.now()}`, args: [input] })
      await run.result()
      const { startTime, closeTime } = await run.describe()
      if (i >= 0 && closeTime) times.push(closeTime.getTime() - startTime.getTime())
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    return median(times)
  } finally {
    workers.shutdown()
    await running
    await connection.close()
    await control.close()
  }
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN
}
