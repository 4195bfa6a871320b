import type { GateKind } from '../domain/governance/family.ts'
import { enqueue } from './outbox.ts'
import type { Tx } from './transaction.ts'

/**
 * The workflows as this side calls them: by name, through the outbox, so that verbs work while Temporal is away. The
 * registry may not import the workflows' room; a test holds these names to `workflows/ids.ts` and `messages.ts`.
 */
export const workflowCalls = {
  mainQueue: 'twinward',
  gate: (gateId: string) => `gate/${gateId}`,
  alert: (alertId: string) => `alert/${alertId}`,
  rollout: (rolloutId: string) => `rollout/${rolloutId}`,
  fleetUpdate: (updateId: string) => `gateway-update/${updateId}`,
  types: { 'promote-model': 'promoteModel', 'approve-policy': 'approvePolicy', 'change-governance': 'changeGovernance', alert: 'alertLifecycle', rollout: 'rollOut', fleetUpdate: 'updateGateways' },
  signals: { alertChanged: 'alertChanged', withdrawGate: 'withdrawGate', rolloutChanged: 'rolloutChanged', fleetUpdateChanged: 'fleetUpdateChanged', operationChanged: 'operationChanged' },
} as const

export async function startAlertLifecycle(tx: Tx, site: string, alertId: string): Promise<void> {
  const target = workflowCalls.alert(alertId)
  await enqueue(tx, {
    channel: 'workflow', kind: 'start', site, target, dedupeKey: `start:${target}`,
    payload: { type: workflowCalls.types.alert, taskQueue: workflowCalls.mainQueue, input: { site, alertId } },
  })
}

export async function startRolloutWorkflow(tx: Tx, site: string, rolloutId: string): Promise<void> {
  const target = workflowCalls.rollout(rolloutId)
  await enqueue(tx, {
    channel: 'workflow', kind: 'start', site, target, dedupeKey: `start:${target}`,
    payload: { type: workflowCalls.types.rollout, taskQueue: workflowCalls.mainQueue, input: { site, rolloutId } },
  })
}

export async function startFleetUpdateWorkflow(tx: Tx, site: string, updateId: string): Promise<void> {
  const target = workflowCalls.fleetUpdate(updateId)
  await enqueue(tx, {
    channel: 'workflow', kind: 'start', site, target, dedupeKey: `start:${target}`,
    payload: { type: workflowCalls.types.fleetUpdate, taskQueue: workflowCalls.mainQueue, input: { site, updateId } },
  })
}

export async function startGate(
  tx: Tx, site: string, gate: { gateId: string; kind: GateKind; expiresAtUs: number },
): Promise<void> {
  const target = workflowCalls.gate(gate.gateId)
  await enqueue(tx, {
    channel: 'workflow', kind: 'start', site, target, dedupeKey: `start:${target}`,
    payload: {
      type: workflowCalls.types[gate.kind], taskQueue: workflowCalls.mainQueue,
      input: { site, gateId: gate.gateId, expiresAtUs: gate.expiresAtUs },
    },
  })
}

/** A signal without arguments: the workflow reads its row again. */
export async function signalWorkflow(tx: Tx, site: string, target: string, signal: string, dedupeKey?: string): Promise<void> {
  await enqueue(tx, {
    channel: 'workflow', kind: 'signal', site, target, payload: { signal, args: [] },
    ...(dedupeKey !== undefined && { dedupeKey }),
  })
}
