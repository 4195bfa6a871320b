import type { Bundle, BundlePart } from '../domain/ingest/bundle.ts'
import type { Run, StoredChunk, StoredWaveform } from '../domain/ingest/chunk.ts'
import { compactRun, cutRun, evenSpacing } from '../domain/ingest/runs.ts'
import { copyIn } from './copy.ts'
import { createCopyWriter } from './copy-writer.ts'
import { utcMonth } from './sql-time.ts'
import type { Pool } from './pool.ts'
import type { Tx } from './transaction.ts'

/** A run as it is to be stored: cut to what one chunk may hold (see `toChunkRows`). */
export interface ChunkRow extends Run {
  readonly tagRef: number
  readonly batchId: number
  readonly revision: number
}

export type WaveformInsert = Omit<StoredWaveform, 'commitNumber' | 'receivedUs'>

const BLOCK_BYTES = 512 * 1024
const CHUNK_COLUMNS = [
  'site_id', 'tag_ref', 't_min', 't_max', 'n', 'revision', 'batch_id', 'interval_us', 'times', 'vals', 'raws', 'quals',
  'part_batches', 'part_starts', 'part_ends', 'part_counts',
] as const
const WAVEFORM_COLUMNS = ['site_id', 'tag_ref', 't_start', 'revision', 'batch_id', 'interval_us', 'scale', 'shift', 'quality', 'n', 'samples'] as const

/** A run as rows: cut at midnights and at the largest size, without columns that say nothing. */
export function toChunkRows(tagRef: number, batchId: number, revision: number, run: Run): ChunkRow[] {
  return cutRun(run).map((piece) => {
    const { timesUs, values, raws, quality } = compactRun(piece)
    return { tagRef, batchId, revision, timesUs, values, raws, quality }
  })
}

/** The row as whoever reads it finds it. Field by field, as above: a spread costs more than the rest, and each batch has one row a tag. */
export function storedChunk({ tagRef, batchId, revision, timesUs, values, raws, quality }: ChunkRow, commitNumber: number, receivedUs: number): StoredChunk {
  return { tagRef, batchId, revision, timesUs, values, raws, quality, commitNumber, receivedUs }
}

/** Stores chunks by binary COPY. The months' partitions must be there. */
export async function insertChunks(tx: Tx, site: string, chunks: readonly ChunkRow[]): Promise<void> {
  await copyByMonth(tx, 'reading_chunk', CHUNK_COLUMNS, chunks, firstTime, (part) => encodeChunks(site, part))
}

/** Stores bundles of one tag's chunks beside the chunks themselves, which are then to be forgotten. */
export async function insertBundles(tx: Tx, site: string, tagRef: number, bundles: readonly Bundle[]): Promise<void> {
  const rows = bundles.map((bundle) => ({ ...bundle, tagRef, batchId: null, revision: 0 }))
  await copyByMonth(tx, 'reading_chunk', CHUNK_COLUMNS, rows, firstTime, (part) => encodeChunks(site, part))
}

/** Stores waveforms by binary COPY. The months' partitions must be there. */
export async function insertWaveforms(tx: Tx, site: string, waveforms: readonly WaveformInsert[]): Promise<void> {
  await copyByMonth(tx, 'waveform', WAVEFORM_COLUMNS, waveforms, ({ startUs }) => startUs, (part) => encodeWaveforms(site, part))
}

const firstTime = ({ timesUs }: Run): number => timesUs[0]!

/** Each row into the partition of its month; nearly always all into one. */
async function copyByMonth<T>(
  tx: Tx, table: string, columns: readonly string[], rows: readonly T[], timeOf: (row: T) => number, encode: (part: readonly T[]) => Iterable<Uint8Array>,
): Promise<void> {
  const months = new Map<string, T[]>()
  for (const row of rows) {
    const month = utcMonth(timeOf(row))
    const part = months.get(month)
    if (part) part.push(row)
    else months.set(month, [row])
  }
  for (const [month, part] of months) await copyIn(tx, `${table}_${month.slice(0, 4)}${month.slice(5, 7)}`, columns, encode(part))
}

type StoredRow = Run & { readonly tagRef: number; readonly batchId: number | null; readonly revision: number; readonly parts?: readonly BundlePart[] }

function* encodeChunks(site: string, chunks: readonly StoredRow[]): Generator<Uint8Array> {
  const writer = createCopyWriter(BLOCK_BYTES)
  for (const { tagRef, batchId, revision, timesUs, values, raws, quality, parts } of chunks) {
    const n = timesUs.length
    const interval = evenSpacing(timesUs)
    writer.row(CHUNK_COLUMNS.length)
    writer.text(site)
    writer.int4(tagRef)
    writer.timestamp(timesUs[0]!)
    writer.timestamp(timesUs[n - 1]!)
    writer.int4(n)
    writer.int2(revision)
    if (batchId === null) writer.none()
    else writer.int8(batchId)
    if (interval === null) {
      writer.none()
      writer.timestampArray(timesUs)
    } else {
      writer.int8(interval)
      writer.none()
    }
    writer.float8Array(values)
    if (raws) writer.float8Array(raws)
    else writer.none()
    if (quality) writer.int2Array(quality)
    else writer.none()
    if (parts) {
      writer.int8Array(parts.map((part) => part.batchId))
      writer.timestampArray(parts.map((part) => part.startUs))
      writer.timestampArray(parts.map((part) => part.endUs))
      writer.int4Array(parts.map((part) => part.n))
    } else {
      for (let i = 0; i < 4; i++) writer.none()
    }
    if (writer.size > BLOCK_BYTES / 2) yield writer.take()
  }
  yield writer.end()
}

function* encodeWaveforms(site: string, waveforms: readonly WaveformInsert[]): Generator<Uint8Array> {
  const writer = createCopyWriter(BLOCK_BYTES)
  for (const wave of waveforms) {
    writer.row(WAVEFORM_COLUMNS.length)
    writer.text(site)
    writer.int4(wave.tagRef)
    writer.timestamp(wave.startUs)
    writer.int2(wave.revision)
    writer.int8(wave.batchId)
    writer.float8(wave.intervalUs)
    writer.float8(wave.scale)
    writer.float8(wave.offset)
    writer.int2(wave.quality)
    writer.int4(wave.samples.length)
    writer.float4Array(wave.samples)
    if (writer.size > BLOCK_BYTES / 2) yield writer.take()
  }
  yield writer.end()
}

/**
 * Makes the partitions of the months that hold these times, in a transaction of its own: making one locks the whole
 * table for a moment. `known` remembers months across calls, so that the usual case asks nothing.
 */
export async function ensurePartitions(pool: Pool, known: Set<string>, timesUs: Iterable<number>): Promise<void> {
  const months = new Set<string>()
  for (const time of timesUs) {
    const month = utcMonth(time)
    if (!known.has(month)) months.add(month)
  }
  if (months.size === 0) return
  const list = [...months].sort()
  await pool.query('select ensure_reading_partitions($1::date[])', [list])
  for (const month of list) known.add(month)
}
