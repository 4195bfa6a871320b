import { Context } from '@temporalio/activity'

/** How a long step shows that it lives and hears that it should stop. */
export interface Liveness {
  /** Aborted when the activity was cancelled or its worker shuts down; undefined outside an activity. */
  readonly signal: AbortSignal | undefined
  /** Remembered and sent with the next heartbeat. */
  progress(details: Record<string, unknown>): void
  stop(): void
}

const INTERVAL_MS = 3_000

/** Heartbeats on a timer until stopped, whatever the step is waiting for. Does nothing outside an activity. */
export function startHeartbeat(): Liveness {
  let context: Context
  try {
    context = Context.current()
  } catch {
    return { signal: undefined, progress: () => undefined, stop: () => undefined }
  }
  let details: Record<string, unknown> = {}
  const timer = setInterval(() => context.heartbeat(details), INTERVAL_MS)
  context.heartbeat(details)
  return {
    signal: context.cancellationSignal,
    progress(next) { details = next },
    stop: () => clearInterval(timer),
  }
}
