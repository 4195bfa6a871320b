import type { Logger } from 'pino'
import { createBell, firstOf } from '../bell.ts'

/** A value in a machine that says whether an alarm stands: a horn's coil, a bit that the PLC reads. */
export interface Switch {
  run(signal: AbortSignal): Promise<void>
  /** Something may have changed. */
  ring(): void
}

export interface SwitchOptions {
  readonly id: string
  readonly wanted: () => boolean
  readonly on: number
  readonly off: number
  readonly write: (value: number) => Promise<void>
  readonly log: Logger
  /** What keeps it from being written; null: it is as it should be. */
  readonly onTrouble: (problem: string | null) => void
  readonly againMs?: number
}

/** Written anew so often though nothing changed: a machine that was started again has forgotten it. */
const AGAIN_MS = 5_000

export function createSwitch({ id, wanted, on, off, write, log, onTrouble, againMs = AGAIN_MS }: SwitchOptions): Switch {
  const bell = createBell()
  let rung = true
  let written: number | null = null
  return {
    ring() {
      rung = true
      bell.ring()
    },
    async run(signal) {
      while (!signal.aborted) {
        rung = false
        const value = wanted() ? on : off
        try {
          await write(value)
          onTrouble(null)
          if (written !== value) log.warn({ output: id, value }, 'an alarm was written to a machine')
          written = value
        } catch (error) {
          written = null
          if (!signal.aborted) onTrouble(`alarms do not reach ${id}: ${error instanceof Error ? error.message : String(error)}`)
        }
        if (!rung) await firstOf(signal, (inner) => [bell.wait(inner), createBell().wait(inner, againMs)])
      }
    },
  }
}
