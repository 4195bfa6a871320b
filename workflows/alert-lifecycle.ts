import { condition, continueAsNew, defineSignal, setHandler, workflowInfo } from '@temporalio/workflow'
import { messageNames, type AlertLifecycleInput } from './messages.ts'
import { tendAlert } from './proxies.ts'

export const alertChangedSignal = defineSignal(messageNames.alertChanged)

const LEAST_WAIT_MS = 250

/**
 * The timers of one alert episode. The row in PostgreSQL is the truth and says what is due; this workflow wakes at that
 * time, or when the row changed, and has it done: escalation, end of shelving, automatic closing.
 */
export async function alertLifecycle(input: AlertLifecycleInput): Promise<void> {
  let changed = false
  setHandler(alertChangedSignal, () => { changed = true })
  for (;;) {
    changed = false
    const { closed, nextDueUs } = await tendAlert(input)
    if (closed) return
    if (workflowInfo().continueAsNewSuggested) await continueAsNew<typeof alertLifecycle>(input)
    if (nextDueUs === null) await condition(() => changed)
    else await condition(() => changed, Math.max(LEAST_WAIT_MS, nextDueUs / 1000 - Date.now()))
  }
}
