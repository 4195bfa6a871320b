import { ApplicationFailure, CancellationScope, isCancellation, proxyActivities } from '@temporalio/workflow'
import type { TrainingActivities } from '../activities/train.ts'
import { failureFacts } from './failure-facts.ts'
import { taskQueues } from './ids.ts'
import type { RetrainModelInput, RetrainModelResult } from './messages.ts'

/** Everything happens in the trainer process: it has the memory, and it forks. */
const steps = proxyActivities<TrainingActivities>({
  taskQueue: taskQueues.training,
  startToCloseTimeout: '2 minutes',
  // One or two transactions, tried for as long as it takes: stores may be away for hours, and refusals end it at once.
  retry: { initialInterval: '1 second', maximumInterval: '1 minute' },
})
const { snapshotDataset } = proxyActivities<TrainingActivities>({
  taskQueue: taskQueues.training,
  startToCloseTimeout: '30 minutes',
  retry: { initialInterval: '2 seconds', maximumInterval: '1 minute', maximumAttempts: 20 },
})
const { trainModels } = proxyActivities<TrainingActivities>({
  taskQueue: taskQueues.training,
  startToCloseTimeout: '12 hours',
  // A lost trainer is noticed by its silence; the fit then starts again elsewhere.
  heartbeatTimeout: '30 seconds',
  // Cancelled means: the fitting process is gone, not only told.
  cancellationType: 'WAIT_CANCELLATION_COMPLETED',
  retry: { initialInterval: '2 seconds', maximumInterval: '1 minute', maximumAttempts: 3 },
})

/**
 * Dataset snapshot → baseline and autoencoder → registered → release → (when asked) a gate. Its operation row follows
 * each step and gets the end, also of a refusal or a cancellation.
 */
export async function retrainModel(input: RetrainModelInput): Promise<RetrainModelResult> {
  const { site, operationId, family, reason, requestedBy } = input
  const run = { site, operationId, family, reason, requestedBy }
  try {
    const snapshot = await snapshotDataset({ ...run, fromUs: input.fromUs, toUs: input.toUs, assets: input.assets, sites: input.sites ?? [] })
    const trained = await trainModels({ ...run, dataset: snapshot.dataset })
    const registered = await steps.registerModels({ ...run, report: trained.report })
    const { release } = await steps.makeRelease({ ...run, model: registered.chosen })
    const gate = input.promote && release !== null ? (await steps.requestGate({ ...run, release })).gate : null
    const result: RetrainModelResult = {
      dataset: snapshot.dataset, models: registered.models.map(nameOf), chosen: nameOf(registered.chosen), release, gate,
    }
    // A cancellation that comes now is too late: the work is done.
    await CancellationScope.nonCancellable(() => steps.finishRetraining({ ...run, outcome: { state: 'succeeded', result } }))
    return result
  } catch (error) {
    if (isCancellation(error)) {
      await CancellationScope.nonCancellable(() => steps.finishRetraining({ ...run, outcome: { state: 'cancelled' } }))
      throw error
    }
    const { code, message } = failureFacts(error)
    await CancellationScope.nonCancellable(() => steps.finishRetraining({ ...run, outcome: { state: 'failed', error: { code, message } } }))
    throw ApplicationFailure.nonRetryable(message, code)
  }
}

const nameOf = ({ name, version }: { name: string; version: number }): string => `${name}@${version}`
