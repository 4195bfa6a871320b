import {
  allHandlersFinished, ApplicationFailure, CancellationScope, condition, continueAsNew, defineSignal, isCancellation, proxyActivities, setHandler, workflowInfo,
} from '@temporalio/workflow'
import type { RescoreActivities } from '../activities/rescore.ts'
import { failureFacts } from './failure-facts.ts'
import { messageNames, type RescoreInput, type RescoreResult } from './messages.ts'

/** Somebody has it wait, or go on: the row says which. The verb that wrote it has checked that it may. */
export const operationChangedSignal = defineSignal(messageNames.operationChanged)

// Tried for as long as it takes: stores may be away for hours, and refusals end it at once.
const retry = { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '1 minute' } as const
const { rescoreStanding, finishRescore } = proxyActivities<RescoreActivities>({ startToCloseTimeout: '1 minute', retry })
const { countRescore, rescoreAsset } = proxyActivities<RescoreActivities>({
  startToCloseTimeout: '30 minutes',
  // A lost worker is noticed by its silence; what it had committed is found again.
  heartbeatTimeout: '15 seconds',
  // Cancelled means: nothing more is written.
  cancellationType: 'WAIT_CANCELLATION_COMPLETED',
  retry,
})

/** Machines at a time: the worker closes live windows beside it. */
const AT_ONCE = 3

/**
 * Judges stored windows anew, machine by machine, a few at a time. PostgreSQL knows how far each is, so that this goes on
 * from there after anything: a pause of days, a crash, a new run of its own.
 */
export async function rescore(input: RescoreInput): Promise<RescoreResult> {
  const run = { site: input.site, operationId: input.operationId }
  let changed = false
  setHandler(operationChangedSignal, () => { changed = true })

  /** Until all is judged, somebody wants it to stop, or the history has become long. */
  const judge = async (): Promise<'succeeded' | 'cancelled' | 'again'> => {
    await countRescore(run)
    for (;;) {
      changed = false
      const { paused, cancelling, assets } = await rescoreStanding({ ...run, most: AT_ONCE })
      if (cancelling) return 'cancelled'
      if (assets.length === 0) return 'succeeded'
      if (workflowInfo().continueAsNewSuggested) return 'again'
      if (paused) await condition(() => changed)
      else await allOf(assets.map((asset) => rescoreAsset({ ...run, asset })))
    }
  }

  let outcome: Awaited<ReturnType<typeof judge>>
  try {
    outcome = await judge()
  } catch (error) {
    if (isCancellation(error)) {
      await CancellationScope.nonCancellable(() => finishRescore({ ...run, outcome: { state: 'cancelled' } }))
      throw error
    }
    const { code, message } = failureFacts(error)
    await CancellationScope.nonCancellable(() => finishRescore({ ...run, outcome: { state: 'failed', error: { code, message } } }))
    throw ApplicationFailure.nonRetryable(message, code)
  }
  if (outcome === 'again') {
    await condition(allHandlersFinished)
    await continueAsNew<typeof rescore>(input)
  }
  const state = outcome === 'cancelled' ? outcome : 'succeeded'
  // A cancellation that comes now is too late: all of it is written.
  return CancellationScope.nonCancellable(() => finishRescore({ ...run, outcome: { state } }))
}

/** All of them at their end, also where one fails: nothing is written any more once its operation has ended. */
async function allOf(work: readonly Promise<void>[]): Promise<void> {
  for (const each of await Promise.allSettled(work)) if (each.status === 'rejected') throw each.reason
}
