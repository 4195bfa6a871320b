import { BAD, QUALITY_LEVEL_MASK, UNCERTAIN } from '../registry/domain/contract/quality.ts'
import { microsToIso } from '../registry/domain/contract/time.ts'
import type { DurableBuffer, RawEntry } from './buffer/buffer.ts'
import type { RawReader } from './raw-reader.ts'
import { createGrowingRows } from './reading-rows.ts'

export interface ExportedSpan {
  /** Source time, inclusive. */
  readonly fromUs: number
  readonly toUs: number
  /** All unless told. */
  readonly tags?: ReadonlySet<string>
}

const READ_BYTES = 256 * 1024
export const EXPORT_HEAD = 'time,tag,value,unit,quality\n'

/**
 * What the box still holds of a time, as lines of CSV: canonical values, what is in the raw store and then what waits, each
 * in the order in which it came. Recordings are left out. A text at a time, so that whoever writes sets the pace.
 */
export async function* exportReadings(buffer: Pick<DurableBuffer, 'readArchive' | 'readRaw'>, reader: RawReader, span: ExportedSpan): AsyncGenerator<string> {
  yield EXPORT_HEAD
  // What is cut while this goes on moves from the queue to the raw store, in whatever order: so that is looked at once more.
  const seen = new Set<number>()
  const archive = (after: number) => buffer.readArchive(span.fromUs, span.toUs, after, READ_BYTES)
  const queue = (after: number) => buffer.readRaw(after, READ_BYTES)
  for (const read of [archive, queue, archive]) {
    let lastId = 0
    for (let entries = read(lastId); entries.length > 0; entries = read(lastId)) {
      yield entries.filter(({ id }) => !seen.has(id)).map((entry) => linesOf(entry, reader, span)).join('')
      for (const { id } of entries) seen.add(id)
      lastId = (entries.at(-1) as RawEntry).id
      await new Promise((resolve) => { setImmediate(resolve) })
    }
  }
}

function linesOf(entry: RawEntry, reader: RawReader, { fromUs, toUs, tags }: ExportedSpan): string {
  if (entry.toUs < fromUs || entry.fromUs > toUs) return ''
  const found = reader.read(entry)
  if (typeof found === 'string' || found.block.kind !== 'readings') return ''
  const { block, normaliser } = found
  const rows = createGrowingRows()
  normaliser.readings(block, block.gatewayUs, rows, 0)
  const { tag, sourceUs, value, quality, length } = rows.rows()
  let text = ''
  for (let i = 0; i < length; i++) {
    const us = sourceUs[i] as number
    const name = normaliser.tags[tag[i] as number] as string
    if (us < fromUs || us > toUs || tags?.has(name) === false) continue
    const x = value[i] as number
    text += `${microsToIso(us)},${name},${Number.isFinite(x) ? String(x) : ''},${quoted(normaliser.mapping(name)?.canonicalUnit ?? '1')},${levelOf(quality[i] as number)}\n`
  }
  return text
}

const quoted = (unit: string): string => (/[",\n]/.test(unit) ? `"${unit.replaceAll('"', '""')}"` : unit)

function levelOf(code: number): 'good' | 'uncertain' | 'bad' {
  const level = code & QUALITY_LEVEL_MASK
  return level >= BAD ? 'bad' : level >= UNCERTAIN ? 'uncertain' : 'good'
}
