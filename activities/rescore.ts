import { lockLanes } from '../registry/store/asset-lanes.ts'
import { operationStanding } from '../registry/store/operations.ts'
import {
  countRescore, endRescore, noteProgress, rescoreOf, rescoreStanding, type RescoreEnd, type RescoreOutcome, type RescoreRef, type RescoreStanding,
} from '../registry/services/rescore/tend-rescore.ts'
import { inSite } from '../registry/store/transaction.ts'
import { rescoreSlice } from './rescore/slice.ts'
import { startHeartbeat } from './training/heartbeat.ts'
import { createDefinitions } from './windows/definitions.ts'
import type { WindowDeps } from './windows/deps.ts'
import { createPulse } from './windows/pulse.ts'

/** The steps of `rescore`. Small JSON in and out; each may be run again for the same operation without a second effect. */
export interface RescoreActivities {
  /** Counts the windows there are; progress is measured by them. */
  countRescore(input: RescoreRef): Promise<void>
  /** Whether to go on, and with which machines. */
  rescoreStanding(input: RescoreRef & { most: number }): Promise<RescoreStanding>
  /** Goes on with one machine, some slices further; ends early where the operation is to wait or to stop. */
  rescoreAsset(input: RescoreRef & { asset: number }): Promise<void>
  finishRescore(input: RescoreRef & { outcome: RescoreOutcome }): Promise<RescoreEnd>
}

/** Slices of one activity: some ten seconds of work, so that a month of a machine is not hundreds of events. */
const SLICES = 20

export function createRescoreActivities(given: Omit<WindowDeps, 'definitions'>): RescoreActivities {
  const deps: WindowDeps = { ...given, definitions: createDefinitions() }
  const alive = async (work: (signal: AbortSignal | undefined) => Promise<void>): Promise<void> => {
    const liveness = startHeartbeat()
    try {
      await work(liveness.signal)
    } finally {
      liveness.stop()
    }
  }
  return {
    countRescore: (input) => alive(async (signal) => {
      while (await countRescore(deps, input)) signal?.throwIfAborted()
    }),
    rescoreStanding: ({ most, ...input }) => rescoreStanding(deps, input, most),
    rescoreAsset: ({ site, operationId, asset }) => alive(async (signal) => {
      const pulse = createPulse()
      for (let i = 0, ended = false; i < SLICES && !ended; i++) {
        signal?.throwIfAborted()
        ended = await inSite(deps.pool, site, async (tx) => {
          // First: whoever waited for the machine's lanes may have been told to stop meanwhile.
          await lockLanes(tx, [asset])
          const { paused, cancelling } = await operationStanding(tx, operationId)
          if (paused || cancelling) return true
          const rescore = await rescoreOf(tx, operationId)
          const slice = await rescoreSlice(tx, deps, rescore, asset, pulse)
          await noteProgress(tx, rescore)
          return slice.ended
        })
      }
    }),
    finishRescore: ({ outcome, ...input }) => endRescore(deps, input, outcome),
  }
}
