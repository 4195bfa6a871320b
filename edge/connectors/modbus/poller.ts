import { createBackoff } from '../../backoff.ts'
import { createBell } from '../../bell.ts'
import type { RawReading } from '../blocks.ts'
import { createCadence } from './cadence.ts'
import type { Counters } from './counters.ts'
import type { Round } from './rounds.ts'
import type { Ask, Silence, Unit } from './unit.ts'

/** Timers hold no more than 2^31 ms. */
const LONGEST_TIMER_MS = 3_600_000

export interface PollerOptions {
  readonly unit: Unit
  readonly ask: Ask
  readonly backoff: { readonly first: number; readonly most: number }
  /** A silent unit rests for at least this long, so that its late answer finds nobody waiting for another. */
  readonly restMs: number
  readonly counters: Counters
  readonly nowUs: () => number
  readonly nowMs: () => number
  readonly random: () => number
  /** Of a poll whose readings will be of this time or later. */
  readonly beginRound: (fromUs: number) => Round
  /** Null: it answers. `strikes`: how often in a row it did not. */
  readonly onState: (silence: Silence | null, strikes: number) => void
}

/**
 * Polls one unit, one request after the other, each interval at its own fixed rate. What is most overdue goes first. A
 * unit that does not answer is left alone for a growing while; its due times meanwhile count as missed.
 */
export async function pollUnit(options: PollerOptions, signal: AbortSignal): Promise<void> {
  const { unit, ask, restMs, counters, nowUs, nowMs, random, beginRound, onState } = options
  const backoff = createBackoff({ firstMs: options.backoff.first, maxMs: Math.max(options.backoff.first, options.backoff.most), random })
  const sleeper = createBell()
  const startMs = nowMs()
  const cadences = [...new Set(unit.points.map(({ everyMs }) => everyMs))].map((everyMs) => ({ everyMs, cadence: createCadence(startMs, everyMs) }))
  let notBeforeMs = 0
  let strikes = 0

  while (!signal.aborted) {
    const next = cadences.reduce((first, other) => (other.cadence.dueMs() < first.cadence.dueMs() ? other : first))
    const waitMs = Math.max(next.cadence.dueMs(), notBeforeMs) - nowMs()
    if (waitMs > 0) {
      await sleeper.wait(signal, Math.min(waitMs, LONGEST_TIMER_MS))
      continue
    }
    counters.polls_missed += next.cadence.begin(nowMs())
    counters.polls += 1
    const round = beginRound(nowUs())
    try {
      const readings: RawReading[] = []
      const outcome = await unit.read(next.everyMs, ask, (some) => { readings.push(...some) })
      if (outcome === 'answered') {
        strikes = 0
        backoff.reset()
        onState(null, 0)
      } else if (!signal.aborted) {
        strikes += 1
        notBeforeMs = nowMs() + Math.max(restMs, backoff.next())
        onState(outcome, strikes)
        // Ended by this very silence: then the gateway marks all tags itself.
        if (!signal.aborted) readings.push(...unit.lose())
      }
      counters.readings += readings.length
      await round.deliver(readings)
    } finally {
      round.end()
    }
  }
}
