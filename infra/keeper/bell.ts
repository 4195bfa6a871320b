import { createBell as createPlainBell } from '../../edge/bell.ts'

/** Wakes a loop that waits for work. A ring between two waits is not lost. */
export interface Bell {
  ring(): void
  /** Resolves at the next ring, after `ms`, or when the signal aborts; at once if it rang since the last wait. */
  wait(ms: number, signal: AbortSignal): Promise<void>
}

export function createBell(): Bell {
  const plain = createPlainBell()
  let rung = false
  return {
    ring() {
      rung = true
      plain.ring()
    },
    async wait(ms, signal) {
      if (!rung) await plain.wait(signal, ms)
      rung = false
    },
  }
}
