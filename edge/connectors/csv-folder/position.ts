import { open } from 'node:fs/promises'
import type { CsvFilePlan } from '../csv/plan.ts'
import type { CsvPosition } from '../csv/replay.ts'

/** How far a file of the folder has been read, and what it was then: kept under its name. */
export interface FilePosition extends CsvPosition {
  readonly bytes: number
  readonly modifiedMs: number
  readonly digest: string
}

/**
 * Where to go on with a file: at its end when it is the one that was read, behind the last row when it has grown since, at
 * its begin when it is another file of the same name. The plan must have been asked about `before.bytes`.
 */
export async function startOf(file: CsvFilePlan, before: FilePosition | undefined): Promise<FilePosition> {
  const facts = { bytes: file.bytes, modifiedMs: file.modifiedMs, digest: file.digest }
  const fresh = { rows: 0, readings: 0, skippedRows: 0, done: false, ...facts }
  if (!before || before.bytes > file.bytes) return fresh
  if (before.bytes === file.bytes) return before.digest === file.digest ? { ...before, ...facts } : fresh
  if (file.digestOfFirst !== before.digest) return fresh
  // A last line without its end may have been half a line: it is read again, and what is the same is stored once.
  const half = before.done && before.rows > 0 && !(await endsLine(file.path, before.bytes)) ? 1 : 0
  return { ...before, ...facts, rows: before.rows - half, done: false }
}

async function endsLine(path: string, bytes: number): Promise<boolean> {
  const file = await open(path)
  try {
    // UTF-16 writes a zero beside it.
    const { buffer } = await file.read(Buffer.alloc(2), 0, Math.min(2, bytes), Math.max(0, bytes - 2))
    return buffer.includes(0x0a) || buffer.includes(0x0d)
  } finally {
    await file.close()
  }
}
