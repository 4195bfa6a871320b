import { pause } from './loop.ts'

/** Wakes a loop that waits for work. A ring between two waits is not lost. */
export interface Bell {
  ring(): void
  /** Resolves at the next ring, after `ms`, or when the signal aborts; at once if it rang since the last wait. */
  wait(ms: number, signal: AbortSignal): Promise<void>
}

export function createBell(): Bell {
  let rung = false
  let wake: (() => void) | undefined
  return {
    ring() {
      rung = true
      wake?.()
    },
    async wait(ms, signal) {
      if (!rung) {
        const awake = new AbortController()
        wake = () => { awake.abort() }
        // Not `AbortSignal.any`: the signal, which lives as long as the keeper, would keep something of every wait.
        signal.addEventListener('abort', wake)
        if (signal.aborted) wake()
        await pause(ms, awake.signal)
        signal.removeEventListener('abort', wake)
        wake = undefined
      }
      rung = false
    },
  }
}
