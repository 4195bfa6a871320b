import { getInt64 } from './int64.ts'
import { POSTGRES_EPOCH_US } from './sql-time.ts'

const HEADER_BYTES = 19

/**
 * Reads rows of PostgreSQL's binary COPY format. Call `next` for each row, then one getter a field, in the order of the
 * columns; each returns null for a null. Arrays have one dimension and no nulls, as this store writes them.
 */
export interface CopyReader {
  /** False at the end. */
  next(): boolean
  bool(): boolean | null
  int2(): number | null
  int4(): number | null
  /** Whole numbers up to 2^53. */
  int8(): number | null
  float8(): number | null
  /** Micros since 1970. */
  timestamp(): number | null
  float8Array(): Float64Array | null
  float4Array(): Float32Array | null
  uint16Array(): Uint16Array | null
  timestampArray(): Float64Array | null
  /** Of a bytea; a view of what was read, not a copy. */
  bytes(): Buffer | null
}

export function createCopyReader(bytes: Uint8Array): CopyReader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  // The header's extension area is empty in every PostgreSQL so far; its length says how much to skip.
  let at = HEADER_BYTES + view.getInt32(HEADER_BYTES - 4)

  /** Start of the next field, or -1 for a null. */
  const field = (): number => {
    const length = view.getInt32(at)
    at += 4
    if (length < 0) return -1
    const start = at
    at += length
    return start
  }
  const int64 = (from: number): number => getInt64(view, from)
  const one = (read: (from: number) => number): number | null => {
    const from = field()
    return from < 0 ? null : read(from)
  }
  /** Number of elements and where the first begins (after its length). */
  const array = (): { count: number; from: number } | null => {
    const start = field()
    if (start < 0) return null
    if (view.getInt32(start) === 0) return { count: 0, from: start }
    return { count: view.getInt32(start + 12), from: start + 24 }
  }

  return {
    next() {
      const fields = view.getInt16(at)
      at += 2
      return fields >= 0
    },
    bool() {
      const from = field()
      return from < 0 ? null : view.getUint8(from) === 1
    },
    int2: () => one((from) => view.getInt16(from)),
    int4: () => one((from) => view.getInt32(from)),
    int8: () => one(int64),
    float8: () => one((from) => view.getFloat64(from)),
    timestamp: () => one((from) => int64(from) + POSTGRES_EPOCH_US),
    bytes: () => {
      const length = view.getInt32(at)
      const from = field()
      return from < 0 ? null : Buffer.from(bytes.buffer, bytes.byteOffset + from, length)
    },
    float8Array() {
      const found = array()
      if (!found) return null
      const values = new Float64Array(found.count)
      for (let i = 0, from = found.from; i < values.length; i++, from += 12) values[i] = view.getFloat64(from)
      return values
    },
    float4Array() {
      const found = array()
      if (!found) return null
      const values = new Float32Array(found.count)
      for (let i = 0, from = found.from; i < values.length; i++, from += 8) values[i] = view.getFloat32(from)
      return values
    },
    uint16Array() {
      const found = array()
      if (!found) return null
      const values = new Uint16Array(found.count)
      for (let i = 0, from = found.from; i < values.length; i++, from += 6) values[i] = view.getUint16(from)
      return values
    },
    timestampArray() {
      const found = array()
      if (!found) return null
      const values = new Float64Array(found.count)
      for (let i = 0, from = found.from; i < values.length; i++, from += 12) values[i] = int64(from) + POSTGRES_EPOCH_US
      return values
    },
  }
}
