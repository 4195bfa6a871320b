import type { Client } from '@temporalio/client'
import { WorkflowNotFoundError } from '@temporalio/client'
import type { Logger } from 'pino'
import { openAlerts } from '../registry/store/alert-rows.ts'
import { openGates } from '../registry/store/gates.ts'
import { openOperations } from '../registry/store/operations.ts'
import type { WorkflowStart } from '../registry/store/outbox.ts'
import type { Pool } from '../registry/store/pool.ts'
import { ALL_SITES, inSite } from '../registry/store/transaction.ts'
import { taskQueues, workflowIds } from '../workflows/ids.ts'
import { workflowTypes } from '../workflows/messages.ts'
import { startWorkflow } from './keeper/channels.ts'

interface Wanted { readonly workflowId: string; readonly start: WorkflowStart }

/** Looked up side by side; a gentle number, since it runs beside everything else. */
const AT_ONCE = 10

/**
 * Starts the workflow of every waiting gate, open alert and unended operation that has none: Temporal's database may
 * have been lost, or a workflow ended by hand. PostgreSQL says what must be waited for. Gives the ids it started.
 */
export async function reconcile({ pool, client, log }: { pool: Pool; client: Client; log: Logger }): Promise<string[]> {
  const wanted = await inSite(pool, ALL_SITES, async (tx): Promise<Wanted[]> => {
    const gates = (await openGates(tx)).map(({ site, gateId, kind, expiresAtUs }) => ({
      workflowId: workflowIds.gate(gateId),
      start: {
        type: kind === 'approve-policy' ? workflowTypes.approvePolicy : workflowTypes.promoteModel,
        taskQueue: taskQueues.main, input: { site, gateId, expiresAtUs },
      },
    }))
    const alerts = (await openAlerts(tx)).map(({ site, alertId }) => ({
      workflowId: workflowIds.alert(alertId), start: { type: workflowTypes.alertLifecycle, taskQueue: taskQueues.main, input: { site, alertId } },
    }))
    const operations = (await openOperations(tx)).map(({ workflowId, start }) => ({ workflowId, start }))
    return [...gates, ...alerts, ...operations]
  })
  const started: string[] = []
  for (let i = 0; i < wanted.length; i += AT_ONCE) {
    await Promise.all(wanted.slice(i, i + AT_ONCE).map(async ({ workflowId, start }) => {
      if (await isRunning(client, workflowId)) return
      if (await startWorkflow(client, workflowId, start)) started.push(workflowId)
    }))
  }
  if (started.length > 0) log.warn({ count: started.length, first: started.slice(0, 5) }, 'started workflows that were missing')
  return started
}

async function isRunning(client: Client, workflowId: string): Promise<boolean> {
  try {
    return (await client.workflow.getHandle(workflowId).describe()).status.name === 'RUNNING'
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false
    throw error
  }
}
