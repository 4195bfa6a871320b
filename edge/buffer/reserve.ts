import { closeSync, fsyncSync, openSync, rmSync, statSync, writeSync } from 'node:fs'
import path from 'node:path'
import { diskFree } from '../disk-free.ts'

/**
 * Room on the disk that nobody may have but what makes room: copy-on-write pages take some before they give any back, so on
 * a full disk even shipping would end. A file beside the buffer holds it, is given up when the disk is full, and is made
 * again when there is room.
 */
export interface Reserve {
  /** Gives the room to the next transaction; false when there is none to give. */
  give(): boolean
  /** Makes it (again), if it is not there and the disk has room for it; tried now and then only. */
  make(): void
  /** It is wanted, and not there. */
  given(): boolean
}

/** Enough for a cut of some batches; see `defaultCutLimits`. */
export const RESERVE_BYTES = 4 * 1024 * 1024
const TRY_EVERY_MS = 5_000

/** @param wanted the buffer is an old one, whose reserve can be missing only because it was given */
export function createReserve(directory: string, wanted: boolean, bytes = RESERVE_BYTES): Reserve {
  const file = path.join(directory, 'reserve')
  let there = statSync(file, { throwIfNoEntry: false })?.size === bytes
  let given = wanted && !there
  let triedMs = -Infinity

  return {
    give() {
      if (!there) return false
      there = false
      given = true
      triedMs = performance.now()
      rmSync(file, { force: true })
      return true
    },
    make() {
      if (there || performance.now() - triedMs < TRY_EVERY_MS) return
      triedMs = performance.now()
      try {
        // Twice, so that taking it does not fill the disk.
        if ((diskFree(directory) ?? Infinity) < 2 * bytes) return
        const handle = openSync(file, 'w', 0o600)
        try {
          const zeros = Buffer.alloc(64 * 1024)
          for (let written = 0; written < bytes;) written += writeSync(handle, zeros, 0, Math.min(zeros.length, bytes - written))
          fsyncSync(handle)
        } finally {
          closeSync(handle)
        }
        there = true
        given = false
      } catch {
        // No room for it now; what was written of it is wanted by others.
        try {
          rmSync(file, { force: true })
        } catch { /* a disk that takes nothing */ }
      }
    },
    given: () => given,
  }
}
