import type { Logger } from 'pino'
import { createBackoff, type BackoffOptions } from '../backoff.ts'

/** One duty of the keeper: runs until its signal aborts. Throwing means that it could not go on; it is begun again. */
export interface Loop {
  readonly name: string
  run(signal: AbortSignal): Promise<void>
}

const waits: BackoffOptions = { firstMs: 250, maxMs: 10_000, healthyMs: 30_000 }

/** Runs all loops side by side until the signal aborts. One that fails is begun again with backoff; the others go on. */
export async function runLoops(loops: readonly Loop[], log: Logger, signal: AbortSignal): Promise<void> {
  await Promise.all(loops.map((loop) => keepRunning(loop, log.child({ loop: loop.name }), signal)))
}

async function keepRunning(loop: Loop, log: Logger, signal: AbortSignal): Promise<void> {
  const backoff = createBackoff(waits)
  while (!signal.aborted) {
    const began = Date.now()
    try {
      await loop.run(signal)
      if (!signal.aborted) throw new Error('it ended by itself')
    } catch (error) {
      if (signal.aborted) return
      const waitMs = backoff.next(Date.now() - began)
      log.warn({ err: error, waitMs }, 'loop failed and is begun again')
      await pause(waitMs, signal)
    }
  }
}

/** Resolves after the time, or at once when the signal aborts. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, ms)
    signal.addEventListener('abort', end)
  })
}

/** Does the work, then again `everyMs` after it ended. */
export function periodic(name: string, everyMs: number, work: (signal: AbortSignal) => Promise<void>): Loop {
  return {
    name,
    async run(signal) {
      while (!signal.aborted) {
        await work(signal)
        await pause(everyMs, signal)
      }
    },
  }
}
