import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'

const HOUR_US = 3_600_000_000

/**
 * How far back a buffer's readings go, beside its file: where that is lost with all in it, the gap that names the loss must
 * begin somewhere, and not after what was lost. To the hour below, so that even history in reverse writes seldom.
 */
export function createOldest(directory: string): { note(us: number): void } {
  let known = readOldest(directory) ?? Infinity
  return {
    note(us) {
      if (us >= known) return
      known = Math.floor(us / HOUR_US) * HOUR_US
      try {
        writeFileSync(fileOf(directory), `${known}\n`, { mode: 0o600 })
      } catch {
        // A disk that takes nothing takes no readings either.
      }
    },
  }
}

/** Source time; undefined: nothing was ever noted. */
export function readOldest(directory: string): number | undefined {
  try {
    const us = Number.parseInt(readFileSync(fileOf(directory), 'utf8'), 10)
    return Number.isSafeInteger(us) ? us : undefined
  } catch {
    return undefined
  }
}

const fileOf = (directory: string): string => path.join(directory, 'oldest')
