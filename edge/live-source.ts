import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { createBackoff } from './backoff.ts'
import { lostReadings, packReadings } from './connectors/blocks.ts'
import type { Outlet, Source, SourceHealth } from './source.ts'

export interface LiveSourceOptions {
  readonly source: Source
  readonly outlet: Outlet
  readonly log: Logger
  readonly nowUs: () => number
  readonly random?: () => number
  readonly firstRetryMs?: number
  readonly longestRetryMs?: number
}

/** A live source that is kept running: one machine's trouble is never another's, nor the gateway's. */
export interface LiveSource {
  run(signal: AbortSignal): Promise<void>
  health(): SourceHealth
}

export function createLiveSource({ source, outlet, log, nowUs, random = Math.random, firstRetryMs = 500, longestRetryMs = 30_000 }: LiveSourceOptions): LiveSource {
  let trouble: string | null = null
  let restarts = 0
  let spoke = false
  const watched: Outlet = {
    ...outlet,
    async deliver(delivery) {
      const taken = await outlet.deliver(delivery)
      spoke = true
      trouble = null
      return taken
    },
    connected() { trouble = null },
  }

  return {
    async run(signal) {
      const backoff = createBackoff({ firstMs: firstRetryMs, maxMs: longestRetryMs, random })
      while (!signal.aborted) {
        try {
          await source.run(watched, signal)
          if (signal.aborted) return
          trouble = 'the connector ended by itself'
        } catch (error) {
          trouble = error instanceof Error ? error.message : String(error)
        }
        if (signal.aborted) return
        restarts++
        // A connection that never brought a reading is a failed try: only one that did begins anew with short waits.
        if (spoke) {
          backoff.reset()
          await markLost()
        }
        spoke = false
        const waitMs = backoff.next()
        log.warn({ source: source.id, reason: trouble, waitMs: Math.round(waitMs) }, 'a source was lost; trying again')
        await sleep(waitMs, undefined, { signal }).catch(() => {})
      }
    },
    health() {
      const own = source.health?.() ?? { state: 'ok', detail: null, counters: {} }
      const counters = { ...own.counters, restarts }
      return trouble === null ? { ...own, counters } : { state: 'down', detail: trouble, counters }
    },
  }

  /** Once for each scalar tag, at the begin of the silence: trends must not be drawn across it. */
  async function markLost(): Promise<void> {
    const addresses = source.map.tags.filter(({ kind }) => kind === 'scalar').map(({ address }) => address)
    if (addresses.length === 0) return
    await outlet.deliver({ blocks: [packReadings(lostReadings([...new Set(addresses)], nowUs()))] })
      .catch((error: unknown) => { log.warn({ err: error, source: source.id }, 'the loss of a source could not be marked') })
  }
}
