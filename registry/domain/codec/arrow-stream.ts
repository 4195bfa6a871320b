import { refuse } from '../errors.ts'
import { rootTable, type FlatTable } from './flatbuffer.ts'

/** Arrow's Type union, the members the contract uses, with what tells their variants apart. */
export type ArrowType = 'utf8' | 'int8' | 'int16' | 'int32' | 'uint16' | 'float32' | 'float64' | 'timestamp' | 'list' | 'other'

export interface ArrowField {
  readonly name: string
  /** Of a dictionary-encoded column the type of its indices. */
  readonly type: ArrowType
  /** The dictionary that holds the column's values; null for a plain column. */
  readonly dictionary: { readonly id: number; readonly holds: ArrowType } | null
  readonly children: readonly ArrowField[]
}

/** One column's rows and its bytes: `buffers` without the validity bitmap, since the contract knows no nulls. */
export interface ArrowColumn {
  readonly field: ArrowField
  readonly length: number
  readonly buffers: readonly Uint8Array[]
  readonly children: readonly ArrowColumn[]
}

interface Message { readonly headerType: number; readonly header: FlatTable; readonly body: Uint8Array; readonly next: number }

const HEADER = { schema: 1, dictionary: 2, recordBatch: 3 } as const
const TYPE = { int: 2, float: 3, utf8: 5, timestamp: 10, list: 12 } as const
const MICROSECOND = 2
/** Schema messages hold the header; nothing in the contract needs more. */
const METADATA_LIMIT = 256 * 1024

const broken = (place: string, what: string): never =>
  refuse('contract_broken', `${place}: ${what}`, { place })

/** The schema at the beginning of an Arrow IPC stream, and the stream's custom metadata. */
export function readSchema(bytes: Uint8Array): { fields: ArrowField[]; metadata: Map<string, string>; next: number } {
  const message = readMessage(bytes, 0, 'schema message')
  if (message.headerType !== HEADER.schema) broken('schema message', 'the stream must begin with a schema')
  if (message.header.int16(0, 0) !== 0) broken('schema message', 'only little-endian streams are taken')
  const metadata = new Map(message.header.tables(2).map((entry) => [entry.text(0) ?? '', entry.text(1) ?? '']))
  return { fields: message.header.tables(1).map((field) => readField(field, 0)), metadata, next: message.next }
}

/**
 * The rest of the stream: dictionaries first, then exactly one record batch, then the end mark. Columns are views of
 * `bytes`, which must begin on an 8-byte boundary of their buffer.
 */
export function readRows(bytes: Uint8Array, fields: readonly ArrowField[], from: number): { columns: ArrowColumn[]; dictionaries: Map<number, ArrowColumn>; rows: number } {
  const holds = new Map(fields.flatMap(({ dictionary }) => (dictionary ? [[dictionary.id, dictionary.holds] as const] : [])))
  const dictionaries = new Map<number, ArrowColumn>()
  let at = from
  for (;;) {
    const message = readMessage(bytes, at, 'row message')
    at = message.next
    if (message.headerType === HEADER.dictionary) {
      const id = message.header.int64(0, 0)
      const data = message.header.table(1) ?? broken('dictionary', 'it has no data')
      if (message.header.int8(2, 0) !== 0 || dictionaries.has(id)) broken('dictionary', 'each dictionary must come whole and once')
      const type = holds.get(id) ?? broken('dictionary', 'no column names it')
      const values: ArrowField = { name: `dictionary ${id}`, type, dictionary: null, children: [] }
      dictionaries.set(id, readColumns(data, message.body, [values])[0]!)
    } else if (message.headerType === HEADER.recordBatch) {
      const columns = readColumns(message.header, message.body, fields)
      readEnd(bytes, at)
      return { columns, dictionaries, rows: message.header.int64(0, 0) }
    } else {
      broken('row message', 'only dictionaries and one record batch may follow the schema')
    }
  }
}

/** Encapsulated message: ff ff ff ff, metadata size, metadata, body (Arrow columnar format, IPC). */
function readMessage(bytes: Uint8Array, at: number, place: string): Message {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (at + 8 > bytes.length) broken(place, `the stream is cut off after ${bytes.length} bytes`)
  if (view.getUint32(at, true) !== 0xffffffff) broken(place, `no Arrow message begins at byte ${at}`)
  const size = view.getInt32(at + 4, true)
  if (size === 0) broken(place, 'the stream ends before its record batch')
  if (size < 8 || size > METADATA_LIMIT || size % 8 !== 0) broken(place, `a message of ${size} bytes of metadata cannot be`)
  const start = at + 8
  if (start + size > bytes.length) broken(place, `the stream is cut off after ${bytes.length} bytes`)
  const table = rootTable(bytes.subarray(start, start + size), place)
  const bodyLength = table.int64(3, 0)
  const body = start + size
  if (bodyLength < 0 || bodyLength % 8 !== 0) broken(place, `a body of ${bodyLength} bytes cannot be`)
  if (body + bodyLength > bytes.length) broken(place, `the stream is cut off: ${body + bodyLength} bytes announced, ${bytes.length} there`)
  return {
    headerType: table.int8(1, 0),
    header: table.table(2) ?? broken(place, 'it has no header'),
    body: bytes.subarray(body, body + bodyLength),
    next: body + bodyLength,
  }
}

function readEnd(bytes: Uint8Array, at: number): void {
  const end = bytes.subarray(at)
  if (end.length < 8) broken('end mark', 'the stream is cut off before its end mark')
  if (end.length > 8 || end.some((byte, i) => byte !== (i < 4 ? 0xff : 0))) broken('end mark', 'exactly one record batch and the end mark must close the stream')
}

function readField(field: FlatTable, depth: number): ArrowField {
  if (depth > 2) broken('schema message', 'columns are nested too deep')
  const encoding = field.table(4)
  return {
    name: field.text(0) ?? '',
    // A dictionary-encoded column stores indices; its own type is that of the values.
    type: encoding ? intType(encoding.table(1)) : fieldType(field),
    dictionary: encoding ? { id: encoding.int64(0, 0), holds: fieldType(field) } : null,
    children: field.tables(5).map((child) => readField(child, depth + 1)),
  }
}

function fieldType(field: FlatTable): ArrowType {
  const type = field.table(3)
  switch (field.int8(2, 0)) {
    case TYPE.int: return intType(type)
    case TYPE.float: return ({ 1: 'float32', 2: 'float64' } as const)[type?.int16(0, 0) ?? 0] ?? 'other'
    case TYPE.utf8: return 'utf8'
    case TYPE.timestamp: return type?.int16(0, 0) === MICROSECOND ? 'timestamp' : 'other'
    case TYPE.list: return 'list'
    default: return 'other'
  }
}

function intType(type: FlatTable | null): ArrowType {
  const bits = type?.int32(0, 0)
  const signed = type?.int8(1, 0) !== 0
  if (!signed) return bits === 16 ? 'uint16' : 'other'
  return bits === 8 ? 'int8' : bits === 16 ? 'int16' : bits === 32 ? 'int32' : 'other'
}

/** Buffers stand in the order of the fields, depth first: validity, then data; for lists and texts validity, offsets, then data. */
function readColumns(batch: FlatTable, body: Uint8Array, fields: readonly ArrowField[]): ArrowColumn[] {
  if (batch.table(3)) broken('record batch', 'compressed bodies are not taken')
  const nodes = batch.pairs(1)
  const regions = batch.pairs(2)
  let node = 0
  let region = 0
  const nextBuffer = (place: string): Uint8Array => {
    const { first: offset, second: length } = regions[region++] ?? broken(place, 'a buffer is missing')
    if (offset < 0 || length < 0 || offset % 8 !== 0 || offset + length > body.length) broken(place, 'a buffer lies outside the body')
    return body.subarray(offset, offset + length)
  }
  const read = (field: ArrowField): ArrowColumn => {
    const place = `column ${field.name}`
    const { first: length, second: nulls } = nodes[node++] ?? broken(place, 'it is missing from the record batch')
    if (length < 0) broken(place, 'its length is negative')
    if (nulls !== 0) broken(place, 'nulls are not taken; a reading without a value is NaN with a bad quality')
    nextBuffer(place)
    const buffers = Array.from({ length: field.type === 'utf8' ? 2 : 1 }, () => nextBuffer(place))
    return { field, length, buffers, children: field.children.map(read) }
  }
  const columns = fields.map(read)
  if (node !== nodes.length || region !== regions.length) broken('record batch', 'it holds more columns than the schema names')
  return columns
}
