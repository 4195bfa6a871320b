import { condition, continueAsNew, defineQuery, defineSignal, setHandler, workflowInfo } from '@temporalio/workflow'
import { messageNames, type RollOutInput, type RollOutResult } from './messages.ts'
import { tendRollout } from './proxies.ts'

/** The row changed without this workflow: stopped, advanced or superseded. */
export const rolloutChangedSignal = defineSignal(messageNames.rolloutChanged)
export const rolloutStatusQuery = defineQuery<{ stage: string | null }>(messageNames.status)

/** The two clocks differ by more than what a shorter timer would be for. */
const LEAST_WAIT_MS = 250

/**
 * Watches a release on its way into force, for weeks if need be. The rollout's row in PostgreSQL is the truth: this workflow has the
 * guards look when it is time, or when somebody changed the row, and ends with it. Started anew from the row it goes on where
 * the row stands.
 */
export async function rollOut(input: RollOutInput): Promise<RollOutResult> {
  let changed = false
  let stage: string | null = null
  setHandler(rolloutChangedSignal, () => { changed = true })
  setHandler(rolloutStatusQuery, () => ({ stage }))
  for (;;) {
    changed = false
    const standing = await tendRollout(input)
    stage = standing.stage
    if (standing.wakeAtUs === null) return { state: standing.state, stage: standing.stage }
    if (workflowInfo().continueAsNewSuggested) await continueAsNew<typeof rollOut>(input)
    await condition(() => changed, Math.max(LEAST_WAIT_MS, standing.wakeAtUs / 1000 - Date.now()))
  }
}
