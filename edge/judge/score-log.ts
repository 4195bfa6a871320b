import { open, readdir, rm, type FileHandle } from 'node:fs/promises'
import path from 'node:path'
import { z } from 'zod'
import { judgedWindowSchema, type JudgedWindow } from '../../registry/domain/contract/judged-window.ts'
import { makeFolder } from '../put-durably.ts'

/** A place in the log: the day's file and the byte in it. */
export const logPlaceSchema = z.object({ day: z.string().regex(/^\d{4}-\d{2}-\d{2}$/), at: z.int().min(0) })
export type LogPlace = z.infer<typeof logPlaceSchema>

/** Where each window got to, and where to go on. */
export interface LoggedWindow { readonly window: JudgedWindow; readonly next: LogPlace }

/**
 * Windows that were judged here, a JSON line each, one file a day (UTC, by the gateway's clock): what a person copies off a
 * box that never sees a platform, and what the platform holds against its own.
 */
export interface ScoreLog {
  append(windows: readonly JudgedWindow[]): Promise<void>
  /** Lines from a place on (null: from the first), in order. A line cut short by a power cut is passed over. */
  read(from: LogPlace | null, limit: number): Promise<LoggedWindow[]>
  /** Removes days before this instant's; the platform may not have seen them. */
  prune(beforeUs: number): Promise<void>
}

const FILE = /^(\d{4}-\d{2}-\d{2})\.ndjson$/
const READ_BYTES = 256 * 1024

export function createScoreLog(directory: string, nowUs: () => number): ScoreLog {
  let current: { readonly day: string; readonly file: FileHandle } | undefined

  const fileOf = (day: string) => path.join(directory, `${day}.ndjson`)
  const dayOf = (us: number) => new Date(us / 1000).toISOString().slice(0, 10)

  async function days(): Promise<string[]> {
    const names = await readdir(directory).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
      throw error
    })
    return names.flatMap((name) => FILE.exec(name)?.[1] ?? []).sort()
  }

  async function fileOfToday(): Promise<FileHandle> {
    const day = dayOf(nowUs())
    if (current?.day === day) return current.file
    await current?.file.close()
    makeFolder(directory)
    const file = await open(fileOf(day), 'a', 0o600)
    current = { day, file }
    // A line that a power cut left unfinished must not swallow the next one.
    if ((await file.stat()).size > 0) await file.appendFile('\n')
    return file
  }

  /** Whole lines of a day from a byte on. */
  async function linesOf(day: string, from: number): Promise<{ lines: { text: string; end: number }[]; bytes: number }> {
    const file = await open(fileOf(day), 'r').catch((error: unknown) => {
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
      const file = await fileOfToday()
      await file.appendFile(windows.map((window) => `${JSON.stringify(window)}\n`).join(''))
      await file.datasync()
    },
    async read(from, limit) {
      const found: LoggedWindow[] = []
      for (const day of (await days()).filter((one) => from === null || one >= from.day)) {
        let at = from?.day === day ? from.at : 0
        for (;;) {
          const { lines, bytes } = await linesOf(day, at)
          for (const { text, end } of lines) {
            const window = parse(text)
            if (window !== undefined) found.push({ window, next: { day, at: end } })
            if (found.length === limit) return found
          }
          if (bytes === 0) break
          at += bytes
        }
      }
      return found
    },
    async prune(beforeUs) {
      const oldest = dayOf(beforeUs)
      for (const day of await days()) if (day < oldest) await rm(fileOf(day), { force: true })
    },
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
