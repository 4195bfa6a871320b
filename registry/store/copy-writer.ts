import { putInt64 } from './int64.ts'
import { POSTGRES_EPOCH_US } from './sql-time.ts'

/** Element types of arrays: their OIDs in every PostgreSQL. */
const OID = { int2: 21, int4: 23, int8: 20, float4: 700, float8: 701, timestamptz: 1184 } as const

const SIGNATURE = Uint8Array.of(0x50, 0x47, 0x43, 0x4f, 0x50, 0x59, 0x0a, 0xff, 0x0d, 0x0a, 0x00, 0, 0, 0, 0, 0, 0, 0, 0)

/**
 * Writes rows in PostgreSQL's binary COPY format (documentation of COPY, "Binary Format"). Fields are written one after
 * another in the order of the columns; `take` hands over what was written so far, `end` the rest with the trailer.
 */
export interface CopyWriter {
  /** Begins a row of so many fields. */
  row(fields: number): void
  none(): void
  int2(value: number): void
  int4(value: number): void
  /** Whole numbers up to 2^53. */
  int8(value: number): void
  float4(value: number): void
  float8(value: number): void
  text(value: string): void
  /** Micros since 1970. */
  timestamp(micros: number): void
  float8Array(values: Float64Array): void
  float4Array(values: Float32Array): void
  /** 16 bits as they are: those above 32,767 become negative. */
  int2Array(values: Uint16Array | Int16Array): void
  int4Array(values: readonly number[]): void
  /** Whole numbers up to 2^53. */
  int8Array(values: readonly number[]): void
  timestampArray(micros: Float64Array | readonly number[]): void
  /** Bytes written and not yet taken. */
  readonly size: number
  take(): Uint8Array
  end(): Uint8Array
}

/** A buffer of its own, not cleared: only what was written is handed over. */
const block = (length: number): Uint8Array<ArrayBuffer> => Buffer.allocUnsafeSlow(length)

export function createCopyWriter(blockBytes = 64 * 1024): CopyWriter {
  let bytes = block(blockBytes)
  let view = new DataView(bytes.buffer)
  let at = 0

  /** May put another `bytes` and `view` in place: call it before naming them, not as an argument of their methods. */
  const reserve = (length: number): number => {
    if (at + length > bytes.length) {
      const larger = block(Math.max(bytes.length * 2, at + length))
      larger.set(bytes.subarray(0, at))
      bytes = larger
      view = new DataView(bytes.buffer)
    }
    const start = at
    at += length
    return start
  }
  const raw = (content: Uint8Array): void => {
    const to = reserve(content.length)
    bytes.set(content, to)
  }
  /** Header of a one-dimensional array without nulls; returns where its first element goes. */
  const array = (oid: number, count: number, size: number): number => {
    const start = reserve(24 + count * (4 + size))
    view.setInt32(start, 20 + count * (4 + size))
    view.setInt32(start + 4, 1)
    view.setInt32(start + 8, 0)
    view.setInt32(start + 12, oid)
    view.setInt32(start + 16, count)
    view.setInt32(start + 20, 1)
    return start + 24
  }
  const take = (): Uint8Array => {
    const taken = bytes.subarray(0, at)
    bytes = block(Math.max(blockBytes, at))
    view = new DataView(bytes.buffer)
    at = 0
    return taken
  }

  raw(SIGNATURE)
  return {
    get size() { return at },
    take,
    end() {
      const to = reserve(2)
      view.setInt16(to, -1)
      return take()
    },
    row(fields) { const to = reserve(2); view.setInt16(to, fields) },
    none() { const to = reserve(4); view.setInt32(to, -1) },
    int2(value) { const to = reserve(6); view.setInt32(to, 2); view.setInt16(to + 4, value) },
    int4(value) { const to = reserve(8); view.setInt32(to, 4); view.setInt32(to + 4, value) },
    int8(value) { const to = reserve(12); view.setInt32(to, 8); putInt64(view, to + 4, value) },
    float4(value) { const to = reserve(8); view.setInt32(to, 4); view.setFloat32(to + 4, value) },
    float8(value) { const to = reserve(12); view.setInt32(to, 8); view.setFloat64(to + 4, value) },
    timestamp(micros) { const to = reserve(12); view.setInt32(to, 8); putInt64(view, to + 4, micros - POSTGRES_EPOCH_US) },
    text(value) {
      const encoded = Buffer.from(value, 'utf8')
      const to = reserve(4)
      view.setInt32(to, encoded.length)
      raw(encoded)
    },
    float8Array(values) {
      let to = array(OID.float8, values.length, 8)
      for (let i = 0; i < values.length; i++, to += 12) {
        view.setInt32(to, 8)
        view.setFloat64(to + 4, values[i]!)
      }
    },
    float4Array(values) {
      let to = array(OID.float4, values.length, 4)
      for (let i = 0; i < values.length; i++, to += 8) {
        view.setInt32(to, 4)
        view.setFloat32(to + 4, values[i]!)
      }
    },
    int2Array(values) {
      let to = array(OID.int2, values.length, 2)
      for (let i = 0; i < values.length; i++, to += 6) {
        view.setInt32(to, 2)
        view.setInt16(to + 4, values[i]!)
      }
    },
    int4Array(values) {
      let to = array(OID.int4, values.length, 4)
      for (let i = 0; i < values.length; i++, to += 8) {
        view.setInt32(to, 4)
        view.setInt32(to + 4, values[i]!)
      }
    },
    int8Array(values) {
      let to = array(OID.int8, values.length, 8)
      for (let i = 0; i < values.length; i++, to += 12) {
        view.setInt32(to, 8)
        putInt64(view, to + 4, values[i]!)
      }
    },
    timestampArray(micros) {
      let to = array(OID.timestamptz, micros.length, 8)
      for (let i = 0; i < micros.length; i++, to += 12) {
        view.setInt32(to, 8)
        putInt64(view, to + 4, micros[i]! - POSTGRES_EPOCH_US)
      }
    },
  }
}
