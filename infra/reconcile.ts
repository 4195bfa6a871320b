import type { Client } from '@temporalio/client'
import { WorkflowNotFoundError } from '@temporalio/client'
import type { Logger } from 'pino'
import { openAlerts } from '../registry/store/alert-rows.ts'
import { openGates } from '../registry/store/gates.ts'
import { openFleetUpdates } from '../registry/store/gateway-updates.ts'
import { openOperations } from '../registry/store/operations.ts'
import type { WorkflowStart } from '../registry/store/outbox.ts'
import type { Pool } from '../registry/store/pool.ts'
import { openRollouts } from '../registry/store/rollouts.ts'
import { ALL_SITES, inSite } from '../registry/store/transaction.ts'
import { taskQueues, workflowIds } from '../workflows/ids.ts'
import { workflowTypes } from '../workflows/messages.ts'
import { startWorkflow } from './keeper/channels.ts'

interface Wanted { readonly workflowId: string; readonly start: WorkflowStart }

/** Looked up side by side; a gentle number, since it runs beside everything else. */
const AT_ONCE = 10

/** Looked after in one round: with thousands of open episodes, the next round goes on with the next ones. */
const PER_ROUND = 500
const MOST = 100_000

export interface Reconciler {
  /** Gives the ids of the workflows that were missing and are started. */
  round(): Promise<string[]>
}

/**
 * Starts the workflow of every waiting gate, running rollout, running update of gateways, open alert and unended operation that has none: Temporal's database may
 * have been lost, or a workflow ended by hand. PostgreSQL says what must be waited for.
 */
export function createReconciler({ pool, client, log }: { pool: Pool; client: Client; log: Logger }): Reconciler {
  let position = 0
  return {
    async round() {
      const wanted = await readWanted(pool)
      if (position >= wanted.length) position = 0
      const part = wanted.slice(position, position + PER_ROUND)
      position += part.length
      const started: string[] = []
      for (let i = 0; i < part.length; i += AT_ONCE) {
        await Promise.all(part.slice(i, i + AT_ONCE).map(async ({ workflowId, start }) => {
          if (await isRunning(client, workflowId)) return
          if (await startWorkflow(client, workflowId, start)) started.push(workflowId)
        }))
      }
      if (started.length > 0) log.warn({ count: started.length, first: started.slice(0, 5) }, 'started workflows that were missing')
      return started
    },
  }
}

const gateWorkflows = { 'promote-model': workflowTypes.promoteModel, 'approve-policy': workflowTypes.approvePolicy, 'change-governance': workflowTypes.changeGovernance } as const

async function readWanted(pool: Pool): Promise<Wanted[]> {
  return inSite(pool, ALL_SITES, async (tx) => {
    const gates = (await openGates(tx, MOST)).map(({ site, gateId, kind, expiresAtUs }) => ({
      workflowId: workflowIds.gate(gateId),
      start: {
        type: gateWorkflows[kind],
        taskQueue: taskQueues.main, input: { site, gateId, expiresAtUs },
      },
    }))
    const operations = (await openOperations(tx, MOST)).map(({ workflowId, start }) => ({ workflowId, start }))
    const alerts = (await openAlerts(tx, MOST)).map(({ site, alertId }) => ({
      workflowId: workflowIds.alert(alertId), start: { type: workflowTypes.alertLifecycle, taskQueue: taskQueues.main, input: { site, alertId } },
    }))
    const rollouts = (await openRollouts(tx, MOST)).map(({ site, rolloutId }) => ({
      workflowId: workflowIds.rollout(rolloutId), start: { type: workflowTypes.rollOut, taskQueue: taskQueues.main, input: { site, rolloutId } },
    }))
    const updates = (await openFleetUpdates(tx, MOST)).map(({ site, updateId }) => ({
      workflowId: workflowIds.fleetUpdate(updateId), start: { type: workflowTypes.updateGateways, taskQueue: taskQueues.main, input: { site, updateId } },
    }))
    return [...gates, ...rollouts, ...updates, ...operations, ...alerts]
  })
}

async function isRunning(client: Client, workflowId: string): Promise<boolean> {
  try {
    return (await client.workflow.getHandle(workflowId).describe()).status.name === 'RUNNING'
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false
    throw error
  }
}
