import { stat } from 'node:fs/promises'
import { refuse } from '../../../registry/domain/errors.ts'
import type { ReadingsBlock } from '../../raw-entry.ts'
import type { Outlet } from '../../source.ts'
import type { CsvLayout } from './map.ts'
import { isFuture, type CsvFilePlan } from './plan.ts'
import { readCsv } from './rows.ts'

/** How far a file has been read into the buffer; kept there under the file's digest. */
export interface CsvPosition {
  readonly rows: number
  readonly readings: number
  readonly skippedRows: number
  readonly done: boolean
}

export interface CsvReplay {
  readonly layout: CsvLayout
  /** In the order of their first row; bad rows are skipped (the caller has refused them, or was told to go on). */
  readonly files: readonly CsvFilePlan[]
  /** Rows beyond this are bad, as they were when the files were checked. */
  readonly nowUs: number
  readonly positionKey: (file: CsvFilePlan) => string
  /** Where to go on; what is kept under the key unless told. What it has beyond a position is kept with it. */
  readonly startOf?: (file: CsvFilePlan) => CsvPosition | undefined
  /** Files end where they ended when they were checked; without it, one that has changed since is refused. */
  readonly grow?: boolean
  readonly onProgress?: ((file: CsvFilePlan, bytesRead: number, position: CsvPosition) => void) | undefined
}

const READINGS_PER_BLOCK = 10_000

/** Delivers files from first to last row; killed, it goes on behind the last row that reached the buffer. */
export async function replayCsv({ layout, files, nowUs, positionKey, startOf, grow = false, onProgress }: CsvReplay, outlet: Outlet, signal: AbortSignal): Promise<void> {
  const tags = layout.tags.length
  const addresses = layout.tags.map(({ column }) => column)
  const rowsPerBlock = Math.max(1, Math.floor(READINGS_PER_BLOCK / tags))
  /** Newest time of the files that are in whole. */
  let doneUs = -Infinity
  for (const [index, file] of files.entries()) {
    const key = positionKey(file)
    const start = (startOf ? startOf(file) : outlet.position(key) as CsvPosition | undefined) ?? { rows: 0, readings: 0, skippedRows: 0, done: false }
    if (start.done) {
      doneUs = Math.max(doneUs, file.lastUs ?? -Infinity)
      continue
    }
    if (!grow) await checkUnchanged(file)
    /** A later file may begin before this one ends: nothing behind its first row is complete until then. */
    const nextFirstUs = Math.min(...files.slice(index + 1).map(({ firstUs }) => firstUs ?? Infinity))
    const reading = readCsv(file.path, layout, { bytesAtMost: grow ? file.bytes : undefined })
    let position = start
    let block = newBlock(addresses, rowsPerBlock * tags)
    let filled = 0
    let seen = 0
    let maxUs = -Infinity
    const deliver = async (done: boolean) => {
      const claim = Math.min(done ? Math.max(maxUs, doneUs) : maxUs - file.latenessUs - 1, nextFirstUs - 1)
      position = { ...position, readings: position.readings + filled, done }
      await outlet.deliver({
        blocks: [cutBlock(block, filled)],
        ...(Number.isFinite(claim) && { completeThroughUs: claim }),
        position: { key, value: position },
      })
      block = newBlock(addresses, rowsPerBlock * tags)
      filled = 0
      onProgress?.(file, reading.bytesRead(), position)
    }
    for await (const row of reading.rows) {
      if (signal.aborted) return
      seen++
      const usable = 'sourceUs' in row && !isFuture(row.sourceUs, nowUs)
      // A full block waits for the row after it, so that the last one of a file can promise the file's end.
      if (usable && seen > start.rows && filled >= block.raw.length) await deliver(false)
      if (usable) maxUs = Math.max(maxUs, row.sourceUs)
      if (seen <= start.rows) continue
      position = { ...position, rows: seen, skippedRows: position.skippedRows + (usable ? 0 : 1) }
      if (!usable) continue
      for (let i = 0; i < tags; i++, filled++) {
        block.address[filled] = i
        block.sourceUs[filled] = row.sourceUs
        block.raw[filled] = row.raw[i] as number
        block.quality[filled] = row.quality[i] as number
      }
    }
    if (reading.digest() !== file.digest) changed(file)
    await deliver(true)
    doneUs = Math.max(doneUs, maxUs)
  }
}

async function checkUnchanged(file: CsvFilePlan): Promise<void> {
  const facts = await stat(file.path).catch(() => undefined)
  if (facts?.size !== file.bytes || facts.mtimeMs !== file.modifiedMs) changed(file)
}

function changed(file: CsvFilePlan): never {
  return refuse('stale_state', `${file.name} has changed since it was checked; run the import again`, { file: file.name })
}

function newBlock(addresses: readonly string[], n: number): ReadingsBlock {
  return { kind: 'readings', addresses, address: new Uint16Array(n), sourceUs: new Float64Array(n), raw: new Float64Array(n), quality: new Uint16Array(n) }
}

function cutBlock(block: ReadingsBlock, n: number): ReadingsBlock {
  return {
    ...block, address: block.address.subarray(0, n), sourceUs: block.sourceUs.subarray(0, n), raw: block.raw.subarray(0, n), quality: block.quality.subarray(0, n),
  }
}
