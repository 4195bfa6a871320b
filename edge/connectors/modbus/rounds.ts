import type { Outlet } from '../../source.ts'
import { packReadings, type RawReading } from '../blocks.ts'

/** One poll from its first request to its readings being safe. */
export interface Round {
  deliver(readings: readonly RawReading[]): Promise<void>
  end(): void
}

/**
 * Rounds of several units run side by side. A reading yet to come bears the time of its own round or a later one, so with
 * each delivery all is complete up to just before the oldest round still open, or its own last reading. Just before: the
 * clock may give the next answer the very same time.
 */
export function createRounds(outlet: Outlet): (fromUs: number) => Round {
  const open = new Map<symbol, number>()
  return (fromUs) => {
    const key = Symbol('round')
    open.set(key, fromUs)
    return {
      async deliver(readings) {
        const last = readings.at(-1)
        if (!last) return
        const others = [...open].filter(([other]) => other !== key).map(([, otherFromUs]) => otherFromUs)
        await outlet.deliver({ blocks: [packReadings(readings)], completeThroughUs: Math.min(last.sourceUs, ...others) - 1 })
      },
      end() { open.delete(key) },
    }
  }
}
