import { ApplicationFailure, CancellationScope, isCancellation, proxyActivities, workflowInfo } from '@temporalio/workflow'
import type { DriftActivities } from '../activities/drift.ts'
import { failureFacts } from './failure-facts.ts'
import type { CheckDriftInput, CheckDriftResult } from './messages.ts'

const { measureDrift } = proxyActivities<DriftActivities>({
  startToCloseTimeout: '10 minutes',
  retry: { initialInterval: '1 second', maximumInterval: '1 minute', maximumAttempts: 20 },
})
const { finishDriftCheck } = proxyActivities<DriftActivities>({
  startToCloseTimeout: '30 seconds',
  retry: { initialInterval: '500 milliseconds', maximumInterval: '30 seconds' },
})

/** By schedule (no operation) or on demand: newest windows against the champion's training data; drift may start a retraining. */
export async function checkDrift(input: CheckDriftInput): Promise<CheckDriftResult> {
  const { site, family, operationId, mayRetrain } = input
  const { workflowId, runId } = workflowInfo()
  // A schedule's runs have ids of their own; a run that is started again for the same operation reports once.
  const check = operationId ?? `${workflowId}/${runId}`
  try {
    const result = await measureDrift({ site, family, runId: check, operationId, mayRetrain })
    await finish(input, { state: 'succeeded', result })
    return result
  } catch (error) {
    if (isCancellation(error)) {
      await finish(input, { state: 'cancelled' })
      throw error
    }
    const { code, message } = failureFacts(error)
    await finish(input, { state: 'failed', error: { code, message } })
    throw ApplicationFailure.nonRetryable(message, code)
  }
}

async function finish({ site, operationId }: CheckDriftInput, outcome: Parameters<DriftActivities['finishDriftCheck']>[0]['outcome']): Promise<void> {
  if (operationId !== null) await CancellationScope.nonCancellable(() => finishDriftCheck({ site, operationId, outcome }))
}
