import { condition, continueAsNew, defineQuery, defineSignal, setHandler, workflowInfo } from '@temporalio/workflow'
import { messageNames, type UpdateGatewaysInput, type UpdateGatewaysResult } from './messages.ts'
import { tendFleetUpdate } from './proxies.ts'

/** The row changed without this workflow: somebody stopped it. */
export const fleetUpdateChangedSignal = defineSignal(messageNames.fleetUpdateChanged)
export const fleetUpdateStatusQuery = defineQuery<{ stage: number | null }>(messageNames.status)

/** The two clocks differ by more than what a shorter timer would be for. */
const LEAST_WAIT_MS = 250

/**
 * Brings a program to the gateways of a site, stage after stage, for days if need be. The update's row in PostgreSQL is the truth: this
 * workflow has the reports looked at when it is time, or when somebody stopped it, and ends with it.
 */
export async function updateGateways(input: UpdateGatewaysInput): Promise<UpdateGatewaysResult> {
  let changed = false
  let stage: number | null = null
  setHandler(fleetUpdateChangedSignal, () => { changed = true })
  setHandler(fleetUpdateStatusQuery, () => ({ stage }))
  for (;;) {
    changed = false
    const standing = await tendFleetUpdate(input)
    stage = standing.stage
    if (standing.wakeAtUs === null) return { state: standing.state, stage: standing.stage }
    if (workflowInfo().continueAsNewSuggested) await continueAsNew<typeof updateGateways>(input)
    await condition(() => changed, Math.max(LEAST_WAIT_MS, standing.wakeAtUs / 1000 - Date.now()))
  }
}
