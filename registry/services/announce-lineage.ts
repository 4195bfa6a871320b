import { isoToMicros } from '../domain/contract/time.ts'
import type { RunEvent } from '../domain/lineage/run-event.ts'
import { judgingEvents, trainingEvents } from '../domain/lineage/run-events.ts'
import { judgingFacts, trainingFacts } from '../store/lineage-runs.ts'
import { announce } from '../store/outbox.ts'
import type { Tx } from '../store/transaction.ts'

/** Tells what is known of a training run by now: that it began, and how it ended. */
export async function announceTraining(tx: Tx, site: string, operation: string): Promise<void> {
  const run = await trainingFacts(tx, site, operation)
  if (run) await announceAll(tx, site, trainingEvents(run))
}

/** Tells that releases judge from now on under these assignments, or no longer do. */
export async function announceJudging(tx: Tx, site: string, assignments: readonly string[]): Promise<void> {
  for (const run of await judgingFacts(tx, site, { assignments })) await announceAll(tx, site, judgingEvents(run))
}

/** Each event of a run once, in whatever transaction it is known first. */
async function announceAll(tx: Tx, site: string, events: readonly RunEvent[]): Promise<void> {
  for (const event of events) {
    await announce(tx, { site, id: `lineage/${event.run.runId}/${event.eventType}`, type: 'lineage.run', atUs: isoToMicros(event.eventTime), data: event })
  }
}
