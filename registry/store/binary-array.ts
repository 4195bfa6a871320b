import { putInt64 } from './int64.ts'

/**
 * One-dimensional array parameters in PostgreSQL's binary format (array_recv): bit-exact, and several times cheaper than
 * the text form, which one side would print and quote and the other take apart. Cast the parameter in SQL: `$1::int8[]`.
 */

interface Element<T> {
  readonly oid: number
  /** Bytes it takes, where that depends on the value. */
  readonly size: number | ((value: T) => number)
  /** Writes it at a place, in the type's own binary format (`…recv` in PostgreSQL's source); gives how many bytes that were. */
  readonly write: (bytes: Buffer, at: number, value: T, view: DataView) => number
}

const HEADER_BYTES = 20
const int4: Element<number> = { oid: 23, size: 4, write: (bytes, at, value) => bytes.writeInt32BE(value, at) - at }
const int8: Element<number | string> = {
  oid: 20,
  size: 8,
  write(bytes, at, value, view) {
    const number = Number(value)
    if (!Number.isSafeInteger(number)) return bytes.writeBigInt64BE(BigInt(value), at) - at
    putInt64(view, at, number)
    return 8
  },
}
const float8: Element<number> = { oid: 701, size: 8, write: (bytes, at, value) => bytes.writeDoubleBE(value, at) - at }
const text: Element<string> = { oid: 25, size: (value) => Buffer.byteLength(value), write: (bytes, at, value) => bytes.write(value, at) }
/** json_recv: the text itself. */
const json: Element<string> = { ...text, oid: 114 }

const parameterOf = <T>(element: Element<T>) => (values: readonly (T | null)[]): Buffer => {
  if (values.length === 0) return empty(element.oid)
  let size = HEADER_BYTES
  let nulls = false
  for (const value of values) {
    if (value === null) nulls = true
    size += 4 + (value === null ? 0 : typeof element.size === 'number' ? element.size : element.size(value))
  }
  const bytes = withHeader(element.oid, values.length, size, nulls)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  let at = HEADER_BYTES
  for (const value of values) {
    const length = value === null ? 0 : element.write(bytes, at + 4, value, view)
    bytes.writeInt32BE(value === null ? -1 : length, at)
    at += 4 + length
  }
  return bytes
}

export const int4ArrayParameter = parameterOf(int4)
/** Integers of JavaScript, or bigint ids as PostgreSQL gives them. */
export const int8ArrayParameter = parameterOf(int8)
export const textArrayParameter = parameterOf(text)
/** JSON texts; null is SQL's null, not JSON's. */
export const jsonArrayParameter = parameterOf(json)
/** Some of which may be missing; {@link float8ArrayParameter} is for many that are all there. */
export const nullableFloat8ArrayParameter = parameterOf(float8)

export function float8ArrayParameter(values: Float64Array): Buffer {
  if (values.length === 0) return empty(float8.oid)
  const bytes = withHeader(float8.oid, values.length, HEADER_BYTES + 12 * values.length, false)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  for (let i = 0, at = HEADER_BYTES; i < values.length; i++, at += 12) {
    view.setInt32(at, 8)
    view.setFloat64(at + 4, values[i] as number)
  }
  return bytes
}

/** One dimension, counted from 1. */
function withHeader(oid: number, length: number, size: number, nulls: boolean): Buffer {
  const bytes = Buffer.allocUnsafe(size)
  bytes.writeInt32BE(1, 0)
  bytes.writeInt32BE(nulls ? 1 : 0, 4)
  bytes.writeInt32BE(oid, 8)
  bytes.writeInt32BE(length, 12)
  bytes.writeInt32BE(1, 16)
  return bytes
}

/** No dimensions. */
function empty(oid: number): Buffer {
  const bytes = Buffer.alloc(12)
  bytes.writeInt32BE(oid, 8)
  return bytes
}
