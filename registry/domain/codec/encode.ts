import {
  Dictionary, Field, Float32, Float64, Int16, Int32, Int8, List, makeData, makeVector, RecordBatch, RecordBatchStreamWriter, Schema, Struct,
  TimestampMicrosecond, Uint16, Utf8, type Data,
} from 'apache-arrow'
import type { BatchHeader } from '../contract/batch.ts'
import type { ReadingColumns, WaveformRow } from '../contract/reading.ts'
import { refuse } from '../errors.ts'
import { checkReadings, checkWaveforms } from './check-rows.ts'
import { distinctTimes } from './distinct-times.ts'
import { checkSize, HEADER_KEY, parseHeader } from './header.ts'
import { microsToInt64 } from './int64.ts'

/**
 * A readings batch as an Arrow IPC stream: what the gateway ships, the landing zone keeps and any Arrow library reads.
 * Refuses (`contract_broken`, `too_large`) what {@link decodeBatch} would, so that a bad batch stops at its source.
 */
export function encodeReadings(header: BatchHeader, columns: ReadingColumns): Uint8Array {
  const rows = columns.tag.length
  for (const name of ['sourceUs', 'gatewayUs', 'raw', 'value', 'quality'] as const) {
    if (columns[name].length !== rows) refuse('contract_broken', `Column ${name} has ${columns[name].length} rows, tag has ${rows}.`, { column: name })
  }
  checkReadings(columns)
  return encode(header, 'readings', rows, {
    tag: textData(columns.tags, columns.tag),
    source_us: timesData(columns.sourceUs, 'sourceUs', 1),
    gateway_us: timesData(columns.gatewayUs, 'gatewayUs', 2),
    value: floatData(columns.value),
    ...(!same(columns.raw, columns.value) && { raw: floatData(columns.raw) }),
    ...(columns.quality.some((quality) => quality !== 0) && { quality: makeData({ type: new Uint16(), data: columns.quality.slice() }) }),
  })
}

/** A waveforms batch; the same stream format with one list of samples a row. */
export function encodeWaveforms(header: BatchHeader, rows: readonly WaveformRow[]): Uint8Array {
  checkWaveforms(rows)
  const tags = [...new Set(rows.map((row) => row.tag))]
  const indexOf = new Map(tags.map((tag, i) => [tag, i]))
  const offsets = new Int32Array(rows.length + 1)
  rows.forEach((row, i) => { offsets[i + 1] = offsets[i]! + row.samples.length })
  const samples = new Float32Array(offsets[rows.length]!)
  rows.forEach((row, i) => { samples.set(row.samples, offsets[i]) })
  const child = makeData({ type: new Float32(), data: samples })
  return encode(header, 'waveforms', rows.length, {
    tag: textData(tags, Int32Array.from(rows, (row) => indexOf.get(row.tag)!)),
    start_us: microsData(Float64Array.from(rows, (row) => row.startUs), 'startUs'),
    gateway_us: microsData(Float64Array.from(rows, (row) => row.gatewayUs), 'gatewayUs'),
    interval_us: floatData(Float64Array.from(rows, (row) => row.intervalUs)),
    scale: floatData(Float64Array.from(rows, (row) => row.scale)),
    offset: floatData(Float64Array.from(rows, (row) => row.offset)),
    quality: makeData({ type: new Uint16(), data: Uint16Array.from(rows, (row) => row.quality) }),
    samples: makeData({ type: new List(new Field('item', new Float32(), false)), length: rows.length, valueOffsets: offsets, child }),
  })
}

function encode(header: BatchHeader, kind: BatchHeader['kind'], rows: number, columns: Record<string, Data>): Uint8Array {
  if (header.kind !== kind || header.count !== rows) {
    refuse('contract_broken', `The header says ${header.count} rows of ${header.kind}; there are ${rows} of ${kind}.`)
  }
  const text = JSON.stringify(header)
  parseHeader(text)
  const fields = Object.entries(columns).map(([name, data]) => new Field(name, data.type, false))
  const data = makeData({ type: new Struct(fields), length: rows, nullCount: 0, children: Object.values(columns) })
  const batch = new RecordBatch(new Schema(fields, new Map([[HEADER_KEY, text]])), data)
  const bytes = new RecordBatchStreamWriter().writeAll([batch]).toUint8Array(true)
  checkSize(bytes)
  return bytes
}

/**
 * Copied, because apache-arrow 21's stream writer joins neighbouring buffers that are views of one ArrayBuffer and drops
 * bytes where they overlap; a caller may hand over any views.
 */
const floatData = (values: Float64Array): Data => makeData({ type: new Float64(), data: values.slice() })

function microsData(micros: Float64Array, name: string): Data {
  checkMicros(micros, name)
  return plainMicros(micros)
}

function checkMicros(micros: Float64Array, name: string): void {
  for (let i = 0; i < micros.length; i++) {
    if (!Number.isSafeInteger(micros[i])) refuse('contract_broken', `Column ${name}: row ${i} is not a whole number of microseconds`, { column: name, row: i })
  }
}

const plainMicros = (micros: Float64Array): Data => makeData({ type: new TimestampMicrosecond('UTC'), data: microsToInt64(micros) })

/** Times that come again and again, as those of tags read in rounds, go once into a dictionary: two bytes a row instead of eight. */
function timesData(micros: Float64Array, name: string, dictionaryId: number): Data {
  checkMicros(micros, name)
  const distinct = distinctTimes(micros)
  return distinct === null ? plainMicros(micros) : indexed(plainMicros(distinct.times), distinct.index, dictionaryId)
}

/** Rows as indices into a dictionary, as narrow as its length allows. */
function indexed(values: Data, index: Int16Array | Int32Array, dictionaryId: number): Data {
  const type = values.length <= 2 ** 7 ? new Int8() : values.length <= 2 ** 15 ? new Int16() : new Int32()
  const dictionary = makeVector(values)
  return makeData({ type: new Dictionary(values.type, type, dictionaryId), data: new type.ArrayType(index), dictionary })
}

function textData(texts: readonly string[], index: Int32Array): Data {
  const encoded = texts.map((text) => new TextEncoder().encode(text))
  const valueOffsets = new Int32Array(texts.length + 1)
  encoded.forEach((bytes, i) => { valueOffsets[i + 1] = valueOffsets[i]! + bytes.length })
  const data = new Uint8Array(valueOffsets[texts.length]!)
  encoded.forEach((bytes, i) => { data.set(bytes, valueOffsets[i]) })
  return indexed(makeData({ type: new Utf8(), length: texts.length, valueOffsets, data }), index, 0)
}

/** Equal to the bit, so that what the device gave survives: NaN equals NaN, 0 does not equal -0. */
function same(a: Float64Array, b: Float64Array): boolean {
  if (a === b) return true
  const x = new Int32Array(a.buffer, a.byteOffset, a.length * 2)
  const y = new Int32Array(b.buffer, b.byteOffset, b.length * 2)
  return x.every((half, i) => half === y[i])
}
