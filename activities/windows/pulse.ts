import { Context } from '@temporalio/activity'
import { setImmediate as nextTurn } from 'node:timers/promises'

/** Called often during long work: lets the event loop breathe and tells Temporal that the activity lives. */
export type Pulse = () => Promise<void>

const BREATH_MS = 25
const HEARTBEAT_MS = 2000

/** Cheap to call; also ends the work (throws) when the activity was cancelled. Outside an activity it only yields. */
export function createPulse(): Pulse {
  const context = activityContext()
  let breathed = performance.now()
  let beaten = breathed
  return async () => {
    const now = performance.now()
    if (now - breathed < BREATH_MS) return
    await nextTurn()
    breathed = performance.now()
    if (context === undefined) return
    context.cancellationSignal.throwIfAborted()
    if (breathed - beaten < HEARTBEAT_MS) return
    context.heartbeat()
    beaten = breathed
  }
}

function activityContext(): Context | undefined {
  try {
    return Context.current()
  } catch {
    return undefined
  }
}
