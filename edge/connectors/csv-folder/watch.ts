import { access, mkdir, readdir, rename, stat } from 'node:fs/promises'
import path from 'node:path'
import { refuse } from '../../../registry/domain/errors.ts'

/** A file as it stands in the folder. */
export interface Found {
  readonly name: string
  readonly path: string
  readonly bytes: number
  readonly modifiedMs: number
}

export interface FolderWatch {
  /** Files that nobody writes any more, by name; how many are being written; and the names of all. Refuses (`unavailable`) a folder that cannot be read. */
  look(nowMs: number): Promise<{ settled: Found[]; unsettled: number; all: readonly string[] }>
}

/**
 * A file counts as settled when size and time have stood for as long as asked, or when it was written long before it was
 * first seen. Empty files are not there yet.
 */
export function createFolderWatch(folder: string, pattern: RegExp, settledMs: number): FolderWatch {
  const seen = new Map<string, { bytes: number; modifiedMs: number; sinceMs: number }>()
  return {
    async look(nowMs) {
      const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) =>
        refuse('unavailable', `the folder ${folder} cannot be read (${codeOf(error)}); make it, readable by the gateway's user`))
      const names = entries.filter((entry) => !entry.isDirectory() && pattern.test(entry.name)).map(({ name }) => name).sort()
      for (const name of seen.keys()) if (!names.includes(name)) seen.delete(name)
      const settled: Found[] = []
      let unsettled = 0
      for (const name of names) {
        const place = path.join(folder, name)
        const facts = await stat(place).catch(() => undefined)
        if (!facts?.isFile() || facts.size === 0) continue
        const { size: bytes, mtimeMs: modifiedMs } = facts
        const before = seen.get(name)
        const same = before?.bytes === bytes && before.modifiedMs === modifiedMs
        const sinceMs = same ? before.sinceMs : nowMs
        seen.set(name, { bytes, modifiedMs, sinceMs })
        const age = nowMs - modifiedMs
        if (nowMs - sinceMs >= settledMs || age >= settledMs) settled.push({ name, path: place, bytes, modifiedMs })
        else unsettled++
      }
      return { settled, unsettled, all: names }
    },
  }
}

/** Moves a file as it was found, beside one of its name if there is one; a file that has changed since stays where it is. */
export async function moveInto(folder: string, { name, path: place, bytes, modifiedMs }: Found): Promise<void> {
  await mkdir(folder, { recursive: true })
  const { name: stem, ext } = path.parse(name)
  const exists = (target: string) => access(target).then(() => true, () => false)
  let target = path.join(folder, name)
  for (let n = 2; await exists(target); n++) target = path.join(folder, `${stem}-${n}${ext}`)
  const facts = await stat(place)
  if (facts.size === bytes && facts.mtimeMs === modifiedMs) await rename(place, target)
}

export const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : 'failed')
