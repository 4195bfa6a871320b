import { refuse } from '../errors.ts'
import type { ArrowColumn, ArrowType } from './arrow-stream.ts'
import { decodeText } from './flatbuffer.ts'
import { indexToMicros, int64ToMicros, isWithin, type DictionaryIndex } from './int64.ts'

/** Typed access to the columns of one batch; every refusal is `contract_broken` and names the column. */
export interface ColumnReader {
  /** Times, as they are or through a dictionary. */
  micros(name: string): Float64Array
  /** The same, checked now and put together when somebody asks. */
  microsLater(name: string): () => Float64Array
  float64(name: string): Float64Array
  uint16(name: string): Uint16Array
  /** The distinct texts, and for each row the index of its text. */
  texts(name: string): { distinct: string[]; index: Int32Array }
  /** For each row its slice of the values. */
  float32Lists(name: string): { offsets: Int32Array; values: Float32Array }
  has(name: string): boolean
}

const BYTES = { int8: 1, int16: 2, int32: 4, uint16: 2, float32: 4, float64: 8, timestamp: 8, utf8: 4, list: 4, other: 0 } as const satisfies Record<ArrowType, number>

interface EncodedTimes { readonly times: Float64Array; readonly index: DictionaryIndex }

const OUT_OF_RANGE = 'a time is out of range'
const NO_ENTRY = 'a row names no entry of its dictionary'

/** Longest text of a column: a tag key is at most 127 characters of ASCII. */
const TEXT_LIMIT = 127
/** Control characters, NUL above all, which PostgreSQL's text cannot hold. */
const UNPRINTABLE = /\p{Cc}/u

const broken = (name: string, what: string): never => refuse('contract_broken', `Column ${name}: ${what}`, { column: name })

/** Checks that the batch has the columns `required`, perhaps `optional` ones, no others, each once and of `rows` rows. */
export function readerOf(
  columns: readonly ArrowColumn[], dictionaries: ReadonlyMap<number, ArrowColumn>, rows: number,
  names: { required: readonly string[]; optional: readonly string[] },
): ColumnReader {
  const byName = new Map<string, ArrowColumn>()
  for (const column of columns) {
    const { name } = column.field
    if (!names.required.includes(name) && !names.optional.includes(name)) broken(name.slice(0, 80), `the contract knows no such column; it has ${names.required.join(', ')} and may have ${names.optional.join(', ')}`)
    if (byName.has(name)) broken(name, 'it is there twice')
    if (column.length !== rows) broken(name, `it has ${column.length} rows, the batch ${rows}`)
    byName.set(name, column)
  }
  for (const name of names.required) if (!byName.has(name)) broken(name, 'it is missing')

  const column = (name: string): ArrowColumn => byName.get(name) ?? broken(name, 'it is missing')
  const typed = (name: string, type: ArrowType): ArrowColumn => {
    const found = column(name)
    return found.field.dictionary === null && found.field.type === type ? found : broken(name, `it must be of type ${type}`)
  }
  const plain = (name: string, type: ArrowType): Uint8Array => bytesOf(typed(name, type), name, 0, rows, BYTES[type])
  /** The indices of a dictionary-encoded column and its dictionary; null for a plain one. */
  const encoded = (name: string, holds: ArrowType): { values: ArrowColumn; index: DictionaryIndex } | null => {
    const found = column(name)
    const { dictionary, type } = found.field
    if (dictionary === null) return null
    if (dictionary.holds !== holds) return broken(name, `its dictionary must hold ${holds}`)
    const index = indexOf(bytesOf(found, name, 0, rows, BYTES[type]), type, rows) ?? broken(name, 'its indices must be of type int8, int16 or int32')
    return { values: dictionaries.get(dictionary.id) ?? broken(name, 'its dictionary is missing'), index }
  }

  const plainTimes = (name: string): Float64Array => int64ToMicros(plain(name, 'timestamp'), rows) ?? broken(name, OUT_OF_RANGE)
  const encodedTimes = (name: string): EncodedTimes | null => {
    const found = encoded(name, 'timestamp')
    return found && { times: int64ToMicros(bytesOf(found.values, name, 0, found.values.length, BYTES.timestamp), found.values.length) ?? broken(name, OUT_OF_RANGE), index: found.index }
  }
  const timesOf = (name: string, { times, index }: EncodedTimes): Float64Array => indexToMicros(times, index) ?? broken(name, NO_ENTRY)

  return {
    has: (name) => byName.has(name),
    micros(name) {
      const found = encodedTimes(name)
      return found === null ? plainTimes(name) : timesOf(name, found)
    },
    microsLater(name) {
      const found = encodedTimes(name)
      if (found === null) {
        const micros = plainTimes(name)
        return () => micros
      }
      if (!isWithin(found.index, found.times.length)) broken(name, NO_ENTRY)
      let micros: Float64Array | undefined
      return () => (micros ??= timesOf(name, found))
    },
    float64: (name) => { const b = plain(name, 'float64'); return new Float64Array(b.buffer, b.byteOffset, rows) },
    uint16: (name) => { const b = plain(name, 'uint16'); return new Uint16Array(b.buffer, b.byteOffset, rows) },
    texts(name) {
      const { values, index } = encoded(name, 'utf8') ?? broken(name, 'it must be of type dictionary<int8 | int16 | int32, utf8>')
      return { distinct: readTexts(values, name), index: index instanceof Int32Array ? index : new Int32Array(index) }
    },
    float32Lists(name) {
      const list = typed(name, 'list')
      const child = list.children.length === 1 ? list.children[0]! : broken(name, 'a list has one child column')
      if (child.field.type !== 'float32') broken(name, 'it must be of type list<float32>')
      const offsets = offsetsOf(bytesOf(list, name, 0, rows + 1, 4), rows, child.length, name)
      const b = bytesOf(child, name, 0, child.length, 4)
      return { offsets, values: new Float32Array(b.buffer, b.byteOffset, child.length) }
    },
  }
}

function indexOf({ buffer, byteOffset }: Uint8Array, type: ArrowType, rows: number): DictionaryIndex | null {
  switch (type) {
    case 'int8': return new Int8Array(buffer, byteOffset, rows)
    case 'int16': return new Int16Array(buffer, byteOffset, rows)
    case 'int32': return new Int32Array(buffer, byteOffset, rows)
    default: return null
  }
}

function readTexts(column: ArrowColumn, name: string): string[] {
  const { length } = column
  const bytes = column.buffers[1]!
  const offsets = offsetsOf(bytesOf(column, name, 0, length + 1, 4), length, bytes.length, name)
  return Array.from({ length }, (_, i) => {
    const text = offsets[i + 1]! - offsets[i]! > TEXT_LIMIT ? null : decodeText(bytes.subarray(offsets[i], offsets[i + 1]))
    return text === null || UNPRINTABLE.test(text) ? broken(name, `entry ${i} of its dictionary is no tag key`) : text
  })
}

/** Offsets rise and stay within what they lead into. */
function offsetsOf(bytes: Uint8Array, count: number, end: number, name: string): Int32Array {
  const offsets = new Int32Array(bytes.buffer, bytes.byteOffset, count + 1)
  for (let i = 0; i < count; i++) if (offsets[i + 1]! < offsets[i]!) broken(name, `its offsets fall at entry ${i}`)
  if (offsets[0]! < 0 || offsets[count]! > end) broken(name, 'its offsets lead outside its values')
  return offsets
}

function bytesOf(column: ArrowColumn, name: string, buffer: number, count: number, size: number): Uint8Array {
  const bytes = column.buffers[buffer] ?? broken(name, 'a buffer is missing')
  if (bytes.length < count * size) broken(name, `it has ${bytes.length} bytes, ${count} entries need ${count * size}`)
  return bytes
}
