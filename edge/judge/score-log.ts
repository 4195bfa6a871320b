import { open, readdir, rm, type FileHandle } from 'node:fs/promises'
import path from 'node:path'
import { z } from 'zod'
import { judgedWindowSchema, type JudgedWindow } from '../../registry/domain/contract/judged-window.ts'
import { makeFolder } from '../put-durably.ts'

/** A place in the log: which file, and the byte in it. */
export const logPlaceSchema = z.object({ file: z.int().min(1), at: z.int().min(0) })
export type LogPlace = z.infer<typeof logPlaceSchema>

/** Where each window got to, and where to go on. */
export interface LoggedWindow { readonly window: JudgedWindow; readonly next: LogPlace }

/**
 * Windows that were judged here, a JSON line each, one file a day (UTC, by the gateway's clock): what a person copies off a
 * box that never sees a platform, and what the platform holds against its own. Files are numbered in the order in which they
 * were begun: a clock that was wrong for a while puts none of them out of turn.
 */
export interface ScoreLog {
  append(windows: readonly JudgedWindow[]): Promise<void>
  /** Lines from a place on (null: from the first), in order. A line cut short by a power cut is passed over. */
  read(from: LogPlace | null, limit: number): Promise<LoggedWindow[]>
  /** Removes files of days before this instant's, but none that holds what lies from a place on; null: whatever they hold. */
  prune(beforeUs: number, keepFrom: LogPlace | null): Promise<void>
  /** Lets go of the file of today; what is appended afterwards takes it up again. */
  close(): Promise<void>
}

const FILE = /^(\d{6,})-(\d{4}-\d{2}-\d{2})\.ndjson$/
const READ_BYTES = 256 * 1024

interface LogFile { readonly number: number; readonly day: string; readonly name: string }

/** The files of a log, in the order in which they were begun. */
export async function logFiles(directory: string): Promise<LogFile[]> {
  const names = await readdir(directory).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  })
  return names.flatMap((name): LogFile[] => {
    const [, number, day = ''] = FILE.exec(name) ?? []
    return number === undefined ? [] : [{ number: Number(number), day, name }]
  }).sort((a, b) => a.number - b.number)
}

export function createScoreLog(directory: string, nowUs: () => number): ScoreLog {
  let current: { readonly day: string; readonly file: FileHandle } | undefined

  const dayOf = (us: number) => new Date(us / 1000).toISOString().slice(0, 10)

  async function fileOfToday(): Promise<FileHandle> {
    const day = dayOf(nowUs())
    if (current?.day === day) return current.file
    await close()
    makeFolder(directory)
    const newest = (await logFiles(directory)).at(-1)
    const name = newest?.day === day ? newest.name : `${String((newest?.number ?? 0) + 1).padStart(6, '0')}-${day}.ndjson`
    const file = await open(path.join(directory, name), 'a', 0o600)
    current = { day, file }
    // A line that a power cut left unfinished must not swallow the next one.
    if ((await file.stat()).size > 0) await file.appendFile('\n')
    return file
  }

  async function close(): Promise<void> {
    const { file } = current ?? {}
    current = undefined
    await file?.close()
  }

  /** Whole lines of a file from a byte on. */
  async function linesOf(name: string, from: number): Promise<{ lines: { text: string; end: number }[]; bytes: number }> {
    const file = await open(path.join(directory, name), 'r').catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
      throw error
    })
    if (file === null) return { lines: [], bytes: 0 }
    try {
      const buffer = Buffer.alloc(READ_BYTES)
      const { bytesRead } = await file.read(buffer, 0, READ_BYTES, from)
      const lines: { text: string; end: number }[] = []
      for (let at = 0; ;) {
        const end = buffer.subarray(0, bytesRead).indexOf(10, at)
        if (end < 0) return { lines, bytes: at }
        lines.push({ text: buffer.toString('utf8', at, end), end: from + end + 1 })
        at = end + 1
      }
    } finally {
      await file.close()
    }
  }

  return {
    async append(windows) {
      if (windows.length === 0) return
      try {
        const file = await fileOfToday()
        await file.appendFile(windows.map((window) => `${JSON.stringify(window)}\n`).join(''))
        await file.datasync()
      } catch (error) {
        // What has got there of it ends in the middle of a line, which is mended when the file is opened again.
        await close().catch(() => undefined)
        throw error
      }
    },
    async read(from, limit) {
      const found: LoggedWindow[] = []
      for (const { number, name } of (await logFiles(directory)).filter((one) => from === null || one.number >= from.file)) {
        let at = from?.file === number ? from.at : 0
        for (;;) {
          const { lines, bytes } = await linesOf(name, at)
          for (const { text, end } of lines) {
            const window = parse(text)
            if (window !== undefined) found.push({ window, next: { file: number, at: end } })
            if (found.length === limit) return found
          }
          if (bytes === 0) break
          at += bytes
        }
      }
      return found
    },
    async prune(beforeUs, keepFrom) {
      const files = await logFiles(directory)
      const oldest = dayOf(beforeUs)
      for (const { number, day, name } of files.slice(0, -1)) if (day < oldest && (keepFrom === null || number < keepFrom.file)) await rm(path.join(directory, name), { force: true })
    },
    close,
  }
}

function parse(text: string): JudgedWindow | undefined {
  if (text === '') return undefined
  try {
    return judgedWindowSchema.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}
