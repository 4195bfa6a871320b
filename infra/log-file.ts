import { createWriteStream, mkdirSync, renameSync, rmSync, statSync, type WriteStream } from 'node:fs'
import path from 'node:path'

const maxBytes = 20 * 1024 * 1024
const kept = 4

/** A log that is cut before it fills the disk: at 20 MB `x.log` becomes `x.log.1`, and so on up to `x.log.4`. */
export interface LogFile {
  write(text: string | Buffer): void
  close(): Promise<void>
}

export function openLogFile(file: string, limit: number = maxBytes): LogFile {
  mkdirSync(path.dirname(file), { recursive: true })
  let size = sizeOf(file)
  let stream = open()

  function open(): WriteStream {
    const opened = createWriteStream(file, { flags: 'a', mode: 0o600 })
    // A full disk must not take the platform down through its log: what cannot be written is lost.
    opened.on('error', () => {})
    return opened
  }
  function rotate() {
    stream.end()
    rmSync(`${file}.${kept}`, { force: true })
    for (let n = kept - 1; n >= 0; n -= 1) {
      try {
        renameSync(n === 0 ? file : `${file}.${n}`, `${file}.${n + 1}`)
      } catch {
        // That many have not come together yet.
      }
    }
    size = 0
    stream = open()
  }
  return {
    write(text) {
      if (size > limit) rotate()
      size += text.length
      stream.write(text)
    },
    close: () => new Promise((resolve) => { stream.end(() => { resolve() }) }),
  }
}

function sizeOf(file: string): number {
  try {
    return statSync(file).size
  } catch {
    return 0
  }
}
