import { refuse } from '../errors.ts'
import type { ArrowColumn, ArrowType } from './arrow-stream.ts'
import { decodeText } from './flatbuffer.ts'
import { int64ToMicros } from './int64.ts'

/** Typed access to the columns of one batch; every refusal is `contract_broken` and names the column. */
export interface ColumnReader {
  micros(name: string): Float64Array
  float64(name: string): Float64Array
  uint16(name: string): Uint16Array
  /** The distinct texts, and for each row the index of its text. */
  texts(name: string): { distinct: string[]; index: Int32Array }
  /** For each row its slice of the values. */
  float32Lists(name: string): { offsets: Int32Array; values: Float32Array }
  has(name: string): boolean
}

const BYTES = { int32: 4, uint16: 2, float32: 4, float64: 8, timestamp: 8, utf8: 4, list: 4, other: 0 } as const satisfies Record<ArrowType, number>

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

  const column = (name: string, type: ArrowType): ArrowColumn => {
    const found = byName.get(name) ?? broken(name, 'it is missing')
    if (found.field.type !== type || (found.field.dictionary !== null) !== (type === 'int32')) broken(name, `it must be of type ${type === 'int32' ? 'dictionary<int32, utf8>' : type}`)
    return found
  }
  const plain = (name: string, type: ArrowType): Uint8Array => bytesOf(column(name, type), name, 0, rows, BYTES[type])

  return {
    has: (name) => byName.has(name),
    micros: (name) => int64ToMicros(plain(name, 'timestamp'), rows) ?? broken(name, 'a time is out of range'),
    float64: (name) => { const b = plain(name, 'float64'); return new Float64Array(b.buffer, b.byteOffset, rows) },
    uint16: (name) => { const b = plain(name, 'uint16'); return new Uint16Array(b.buffer, b.byteOffset, rows) },
    texts(name) {
      const indices = column(name, 'int32')
      const dictionary = dictionaries.get(indices.field.dictionary ?? -1) ?? broken(name, 'its dictionary is missing')
      const distinct = readTexts(dictionary, name)
      const b = bytesOf(indices, name, 0, rows, 4)
      return { distinct, index: new Int32Array(b.buffer, b.byteOffset, rows) }
    },
    float32Lists(name) {
      const list = column(name, 'list')
      const child = list.children.length === 1 ? list.children[0]! : broken(name, 'a list has one child column')
      if (child.field.type !== 'float32') broken(name, 'it must be of type list<float32>')
      const offsets = offsetsOf(bytesOf(list, name, 0, rows + 1, 4), rows, child.length, name)
      const b = bytesOf(child, name, 0, child.length, 4)
      return { offsets, values: new Float32Array(b.buffer, b.byteOffset, child.length) }
    },
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
