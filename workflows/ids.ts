/** Workflow ids and task queues in one place: whoever starts, signals or looks for a workflow finds it by these. */
export const taskQueues = {
  /** Workflows and short activities. */
  main: 'twinward',
  /** Ingest activities: they share decoded batches in the worker's memory. */
  ingest: 'twinward-ingest',
  /** Training, in the trainer process, which forks. */
  training: 'twinward-training',
} as const

export const workflowIds = {
  ingest: (site: string, gateway: string, epoch: string, firstSequence: number) => `ingest/${site}/${gateway}/${epoch}/${firstSequence}`,
  retrain: (operationId: string) => `retrain/${operationId}`,
  drift: (operationId: string) => `drift/${operationId}`,
  rescore: (operationId: string) => `rescore/${operationId}`,
  gate: (gateId: string) => `gate/${gateId}`,
  alert: (alertId: string) => `alert/${alertId}`,
  rollout: (rolloutId: string) => `rollout/${rolloutId}`,
  fleetUpdate: (updateId: string) => `gateway-update/${updateId}`,
} as const
