import type { ModbusClient } from './client.ts'
import type { Counters } from './counters.ts'

/** The wire below a source: how to open it, and what a person calls it. */
export interface Wire {
  readonly name: string
  /** Each unit has a connection of its own, made when it is asked and again after it was lost. */
  readonly perUnit: boolean
  /** A silent unit must rest for this long before it is asked again. */
  readonly restMs: number
  open(hooks: WireHooks, signal: AbortSignal): Promise<ModbusClient>
}

export interface WireHooks {
  readonly counters: Counters
  readonly nowUs: () => number
  readonly onLost: (why: string) => void
}

/** Asks one unit over its own connection. `close` ends it for good. */
export function ownConnection(wire: Wire, hooks: Omit<WireHooks, 'onLost'>, signal: AbortSignal): { ask: ModbusClient['ask']; close: () => void } {
  let client: ModbusClient | null = null
  return {
    async ask(request) {
      if (!client) {
        try {
          client = await wire.open({ ...hooks, onLost: () => { client = null } }, signal)
        } catch (error) {
          return { kind: 'closed', why: error instanceof Error ? error.message : String(error) }
        }
      }
      return client.ask(request)
    },
    close: () => { client?.close() },
  }
}
