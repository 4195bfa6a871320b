import type { BatchHeader } from '../contract/batch.ts'
import type { ReadingColumns, WaveformRow } from '../contract/reading.ts'
import { refuse } from '../errors.ts'
import { readRows, readSchema } from './arrow-stream.ts'
import { checkReadings, checkWaveforms } from './check-rows.ts'
import { readerOf, type ColumnReader } from './columns.ts'
import { checkSize, HEADER_KEY, parseHeader } from './header.ts'
import { readingNames, waveformNames } from './layout.ts'

export type DecodedBatch =
  | { readonly header: BatchHeader; readonly kind: 'readings'; readonly columns: ReadingColumns }
  | { readonly header: BatchHeader; readonly kind: 'waveforms'; readonly rows: WaveformRow[] }

/** The header alone, without a look at the rows. Refuses `contract_broken` or `too_large`. */
export function peekHeader(bytes: Uint8Array): BatchHeader {
  checkSize(bytes)
  return parseHeader(readSchema(bytes).metadata.get(HEADER_KEY))
}

/**
 * Header and rows of a batch. Refuses `contract_broken`, naming the place, or `too_large`; throws nothing else,
 * whatever the bytes. Columns are views of `bytes` where they can be: do not write to either. A batch without device
 * values of its own has `raw === value`.
 */
export function decodeBatch(bytes: Uint8Array): DecodedBatch {
  checkSize(bytes)
  const aligned = bytes.byteOffset % 8 === 0 ? bytes : new Uint8Array(bytes)
  const { fields, metadata, next } = readSchema(aligned)
  const header = parseHeader(metadata.get(HEADER_KEY))
  const { columns, dictionaries, rows } = readRows(aligned, fields, next)
  if (rows !== header.count) refuse('contract_broken', `The header counts ${header.count} rows, the batch has ${rows}.`, { count: header.count, rows })
  return header.kind === 'readings'
    ? { header, kind: 'readings', columns: readReadings(readerOf(columns, dictionaries, rows, readingNames), rows) }
    : { header, kind: 'waveforms', rows: readWaveforms(readerOf(columns, dictionaries, rows, waveformNames), rows) }
}

function readReadings(reader: ColumnReader, rows: number): ReadingColumns {
  const { distinct, index } = reader.texts('tag')
  const value = reader.float64('value')
  // Scalar readings are stored by source time: ingest never asks for this column.
  const gatewayUs = reader.microsLater('gateway_us')
  const columns: ReadingColumns = {
    tags: distinct,
    tag: index,
    sourceUs: reader.micros('source_us'),
    get gatewayUs() { return gatewayUs() },
    raw: reader.has('raw') ? reader.float64('raw') : value,
    value,
    quality: reader.has('quality') ? reader.uint16('quality') : new Uint16Array(rows),
  }
  checkReadings(columns)
  return columns
}

function readWaveforms(reader: ColumnReader, rows: number): WaveformRow[] {
  const { distinct, index } = reader.texts('tag')
  const startUs = reader.micros('start_us')
  const gatewayUs = reader.micros('gateway_us')
  const intervalUs = reader.float64('interval_us')
  const scale = reader.float64('scale')
  const offset = reader.float64('offset')
  const quality = reader.uint16('quality')
  const { offsets, values } = reader.float32Lists('samples')
  const waveforms = Array.from({ length: rows }, (_, i): WaveformRow => ({
    tag: distinct[index[i]!] ?? refuse('contract_broken', `Column tag: row ${i} names no entry of its dictionary`, { column: 'tag', row: i }),
    startUs: startUs[i]!,
    intervalUs: intervalUs[i]!,
    gatewayUs: gatewayUs[i]!,
    scale: scale[i]!,
    offset: offset[i]!,
    quality: quality[i]!,
    samples: values.subarray(offsets[i], offsets[i + 1]),
  }))
  checkWaveforms(waveforms)
  return waveforms
}
