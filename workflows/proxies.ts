import { proxyActivities } from '@temporalio/workflow'
import type { AlertActivities } from '../activities/alerts.ts'
import type { GateActivities } from '../activities/gates.ts'
import type { FleetUpdateActivities } from '../activities/gateway-updates.ts'
import type { RolloutActivities } from '../activities/rollouts.ts'

/*
 * How long which kind of activity may take, and how it is tried again. Refusals (DomainErrors) never come back here:
 * they reach the workflow as failures that are not retried, save those that time may heal.
 */

/** One transaction. Tried for as long as it takes: the database may be away for hours, and the workflow waits. */
const transaction = {
  startToCloseTimeout: '30 seconds',
  retry: { initialInterval: '500 milliseconds', backoffCoefficient: 2, maximumInterval: '30 seconds' },
} as const

/** One transaction that somebody waits for at a screen: it fails rather than keep them waiting. */
const interactive = {
  startToCloseTimeout: '10 seconds',
  scheduleToCloseTimeout: '14 seconds',
  retry: { initialInterval: '200 milliseconds', backoffCoefficient: 2, maximumInterval: '2 seconds', maximumAttempts: 6 },
} as const

/** Reading many windows and scoring them: minutes at worst; a heartbeat says that it is alive. */
const evidence = {
  startToCloseTimeout: '20 minutes',
  heartbeatTimeout: '1 minute',
  retry: { initialInterval: '2 seconds', backoffCoefficient: 2, maximumInterval: '1 minute', maximumAttempts: 10 },
} as const

export const { checkGate, voidGate } = proxyActivities<Pick<GateActivities, 'checkGate' | 'voidGate'>>(transaction)
export const { decideGate } = proxyActivities<Pick<GateActivities, 'decideGate'>>(interactive)
export const { collectEvidence } = proxyActivities<Pick<GateActivities, 'collectEvidence'>>(evidence)
/** The guards look at all that was scored in a stage; tried for as long as it takes, since what is not looked at is not rolled back. */
const guards = {
  startToCloseTimeout: '10 minutes',
  heartbeatTimeout: '1 minute',
  retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '30 seconds' },
} as const

export const { tendRollout } = proxyActivities<RolloutActivities>(guards)
export const { tendFleetUpdate } = proxyActivities<FleetUpdateActivities>(transaction)
export const { tendAlert } = proxyActivities<AlertActivities>(transaction)
