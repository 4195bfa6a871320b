import { WorkflowNotFoundError, WorkflowExecutionAlreadyStartedError, type Client } from '@temporalio/client'
import { callWebhook } from '../../activities/notify/webhook.ts'
import type { Publisher } from '../../activities/publish.ts'
import type { BusEvent } from '../../registry/domain/contract/bus-event.ts'
import type { WorkflowSignal, WorkflowStart } from '../../registry/store/outbox.ts'
import type { QueuedMessage } from '../../registry/store/outbox-queue.ts'
import type { Pool } from '../../registry/store/pool.ts'
import { ALL_SITES, inSite } from '../../registry/store/transaction.ts'
import { findWebhook } from '../../registry/store/webhooks.ts'
import type { ChannelRule } from './relay.ts'

const CALL_MS = 10_000

export function busChannel(publisher: Publisher): ChannelRule {
  return {
    channel: 'bus', atOnce: 200, leaseSeconds: 60, maxAttempts: 1000, longestWaitSeconds: 10,
    deliver: (message) => publisher.publish(message.payload as BusEvent),
  }
}

/** Sixteen attempts take about an hour and a half; then somebody should look at the receiver. */
export function webhookChannel(pool: Pool): ChannelRule {
  return {
    channel: 'webhook', atOnce: 16, leaseSeconds: 30, maxAttempts: 16, longestWaitSeconds: 600,
    async deliver(message) {
      const webhook = await inSite(pool, ALL_SITES, (tx) => findWebhook(tx, message.target ?? ''))
      // Disabled since: nobody waits for it any more.
      if (!webhook) return
      if (webhook.site !== message.site) throw new Error(`webhook ${message.target} belongs to another site`)
      await callWebhook({ ...webhook, event: message.payload as BusEvent }, { timeoutMs: CALL_MS })
    },
  }
}

/** Temporal may be away for days without anything being given up. */
export function workflowChannel(client: Client): ChannelRule {
  return {
    channel: 'workflow', atOnce: 50, leaseSeconds: 30, maxAttempts: 1_000_000, longestWaitSeconds: 5,
    deliver: (message) => client.withDeadline(Date.now() + CALL_MS, () => callWorkflow(client, message)),
  }
}

async function callWorkflow(client: Client, message: QueuedMessage): Promise<void> {
  const workflowId = message.target ?? ''
  if (message.kind === 'start') {
    await startWorkflow(client, workflowId, message.payload as WorkflowStart)
    return
  }
  const handle = client.workflow.getHandle(workflowId)
  try {
    if (message.kind === 'cancel') {
      await handle.cancel()
    } else {
      const { signal, args } = message.payload as WorkflowSignal
      await handle.signal(signal, ...args)
    }
  } catch (error) {
    // Ended, or not started yet: either way it has read, or will read, the row that this was about.
    if (!(error instanceof WorkflowNotFoundError)) throw error
  }
}

/** Starting twice is starting once: a running one is left alone, and so is one that ended well. False for the latter. */
export async function startWorkflow(client: Client, workflowId: string, start: WorkflowStart): Promise<boolean> {
  try {
    await client.workflow.start(start.type, {
      workflowId, taskQueue: start.taskQueue, args: [start.input], workflowIdConflictPolicy: 'USE_EXISTING', workflowIdReusePolicy: 'ALLOW_DUPLICATE_FAILED_ONLY',
    })
    return true
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return false
    throw error
  }
}
