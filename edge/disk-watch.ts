import { setTimeout as sleep } from 'node:timers/promises'
import { DomainError } from '../registry/domain/errors.ts'

/**
 * Does a write, and does it again for as long as the disk takes none. Rejects when the signal aborts first, and at once
 * with whatever else is wrong.
 */
export type Persist = <T>(write: () => Promise<T>, signal: AbortSignal) => Promise<T>

/** For who would rather hear of a full disk than wait. */
export const persistOnce: Persist = (write) => write()

export interface DiskWatchOptions {
  /** Hears that the disk takes nothing, and (null) that it has taken a write for which nobody else waits any more. */
  readonly onChange: (problem: string | null) => void
  readonly retryMs?: number
}

/** Everybody's writes to the buffer, waiting together while its disk is full or read-only. */
export function createDiskWatch({ onChange, retryMs = 1_000 }: DiskWatchOptions): Persist {
  const waiting = new Set<symbol>()
  let told = false
  return async (write, signal) => {
    const me = Symbol('write')
    try {
      for (;;) {
        try {
          const written = await write()
          waiting.delete(me)
          if (told && waiting.size === 0) {
            told = false
            onChange(null)
          }
          return written
        } catch (error) {
          if (!(error instanceof DomainError) || error.code !== 'unavailable') throw error
          signal.throwIfAborted()
          waiting.add(me)
          told = true
          onChange(error.message)
          await sleep(retryMs, undefined, { signal })
        }
      }
    } finally {
      // Who stops waiting has not seen the disk mended: the next write that succeeds says so.
      waiting.delete(me)
    }
  }
}
