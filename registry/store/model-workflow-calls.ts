/**
 * Workflows of operations as this side calls them: by name, through the outbox. The registry may not import the
 * workflows' room; a test holds these names to `workflows/ids.ts` and `messages.ts`.
 */
export const modelWorkflowCalls = {
  retrain: { type: 'retrainModel', taskQueue: 'twinward', id: (operationId: string) => `retrain/${operationId}` },
  drift: { type: 'checkDrift', taskQueue: 'twinward', id: (operationId: string) => `drift/${operationId}` },
  rescore: { type: 'rescore', taskQueue: 'twinward', id: (operationId: string) => `rescore/${operationId}` },
} as const
