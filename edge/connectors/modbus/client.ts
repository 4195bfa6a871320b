import type { Counters } from './counters.ts'
import type { Answer, ModbusRequest } from './pdu.ts'

/** Asks one line. Every request resolves, whatever comes over the wire or does not. */
export interface ModbusClient {
  ask(request: ModbusRequest): Promise<Answer | Closed>
  close(): void
}

export interface Closed { readonly kind: 'closed'; readonly why: string }

export interface ClientOptions {
  readonly timeoutMs: number
  /** Rest between an answer and the next request. */
  readonly pauseMs: number
  /** Requests that may be under way at once, where the framing can tell their answers apart. */
  readonly inFlight: number
  readonly counters: Counters
  readonly nowUs: () => number
  /** The line ended, or what came over it cannot be followed any more; told once, before open requests resolve. */
  readonly onLost: (why: string) => void
}

/**
 * A timer that lets waiting input go first: when the process itself was held up for longer than the timeout, the answer
 * has long been here, and its sender must not be called silent.
 */
export function afterInput(ms: number, body: () => void): { clear(): void } {
  let after: NodeJS.Immediate | undefined
  const timer = setTimeout(() => { after = setImmediate(body) }, ms)
  return {
    clear() {
      clearTimeout(timer)
      clearImmediate(after)
    },
  }
}
