import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'

/** Writes a file that only its owner may read; readers see the old or the new text, never half of it. */
export function writePrivate(file: string, text: string): void {
  writeAtomic(file, text, 0o600)
}

/** The same, unless it is there already: of two processes that write it at once the first does. */
export function writeOnce(file: string, text: string): void {
  mkdirSync(path.dirname(file), { recursive: true })
  const partial = `${file}.${process.pid}`
  writeFileSync(partial, text, { mode: 0o600 })
  try {
    linkSync(partial, file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    rmSync(partial, { force: true })
  }
}

export function writeAtomic(file: string, text: string, mode = 0o644): void {
  mkdirSync(path.dirname(file), { recursive: true })
  const partial = `${file}.${process.pid}`
  writeFileSync(partial, text, { mode })
  renameSync(partial, file)
}

/** The parsed JSON of a file, or undefined when there is no such file. A damaged one is an error that names it. */
export function readJson(file: string): unknown {
  let text
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new Error(`${file} is damaged and cannot be read as JSON. Restore it from a backup.`, { cause: error })
  }
}
