import { closeSync, mkdirSync, openSync, renameSync, rmSync, statSync, writeSync } from 'node:fs'
import path from 'node:path'

export interface LogFileLimits {
  /** 20 MB unless told. */
  readonly maxBytes: number
  /** Former files that are kept, 4 unless told. */
  readonly keep: number
}

/**
 * A log that is cut before it fills the disk: `x.log` becomes `x.log.1`, and so on. Each line is handed to the system at
 * once, so that the last words of a process that crashes are there.
 */
export interface LogFile {
  write(text: string | Buffer): void
  close(): Promise<void>
}

export function openLogFile(file: string, { maxBytes = 20 * 1024 * 1024, keep = 4 }: Partial<LogFileLimits> = {}): LogFile {
  mkdirSync(path.dirname(file), { recursive: true })
  let size = sizeOf(file)
  let handle = open(file)

  function rotate() {
    if (handle !== undefined) closeSync(handle)
    rmSync(`${file}.${keep}`, { force: true })
    for (let n = keep - 1; n >= 0; n -= 1) {
      try {
        renameSync(n === 0 ? file : `${file}.${n}`, `${file}.${n + 1}`)
      } catch {
        // That many have not come together yet.
      }
    }
    size = 0
    handle = open(file)
  }
  return {
    write(text) {
      const bytes = typeof text === 'string' ? Buffer.from(text) : text
      if (size > 0 && size + bytes.length > maxBytes) rotate()
      size += bytes.length
      handle ??= open(file)
      // A full disk must not take the process down through its log: what cannot be written is lost.
      try {
        if (handle !== undefined) writeSync(handle, bytes)
      } catch { /* it is lost */ }
    },
    close() {
      if (handle !== undefined) closeSync(handle)
      handle = undefined
      return Promise.resolve()
    },
  }
}

function open(file: string): number | undefined {
  try {
    return openSync(file, 'a', 0o600)
  } catch {
    return undefined
  }
}

function sizeOf(file: string): number {
  try {
    return statSync(file).size
  } catch {
    return 0
  }
}
