import { refuse } from '../errors.ts'

const utf8 = new TextDecoder('utf-8', { fatal: true })

/**
 * A strict reader of one FlatBuffers table (https://flatbuffers.dev/internals): every offset and count is checked
 * against the bytes there are, so that a damaged or hostile message costs a refusal, never memory or time. Anything
 * amiss is `contract_broken`. Field numbers are those of Arrow's Message.fbs and Schema.fbs.
 */
export interface FlatTable {
  int8(field: number, absent: number): number
  int16(field: number, absent: number): number
  int32(field: number, absent: number): number
  /** A 64-bit integer, refused beyond 2^53. */
  int64(field: number, absent: number): number
  text(field: number): string | null
  table(field: number): FlatTable | null
  tables(field: number): FlatTable[]
  /** A vector of structs of two 64-bit integers (Arrow's FieldNode and Buffer). */
  pairs(field: number): { first: number; second: number }[]
}

/** The root table of a FlatBuffers message; `place` says what it is in refusals. */
export function rootTable(bytes: Uint8Array, place: string): FlatTable {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const broken = (what: string): never => refuse('contract_broken', `The ${place} of the Arrow stream is damaged (${what}); encode the batch anew.`, { place })
  const within = (at: number, length: number): number => (at >= 0 && length >= 0 && at + length <= bytes.length ? at : broken('an offset leads outside'))

  const int64At = (at: number): number => {
    within(at, 8)
    const value = view.getInt32(at + 4, true) * 2 ** 32 + view.getUint32(at, true)
    return Number.isSafeInteger(value) ? value : broken('a length is out of range')
  }
  const target = (at: number): number => within(at, 4) + view.getUint32(at, true)

  /** Where a vector's elements begin and how many there are; they lie within the bytes. */
  const vector = (at: number, size: number): { start: number; count: number } => {
    const start = target(at)
    const count = view.getUint32(within(start, 4), true)
    within(start + 4, count * size)
    return { start: start + 4, count }
  }

  const tableAt = (at: number): FlatTable => {
    within(at, 4)
    const vtable = at - view.getInt32(at, true)
    const vtableSize = view.getUint16(within(vtable, 4), true)
    within(vtable, vtableSize)
    /** Absolute position of a field, or -1 where the writer left it out. */
    const place = (field: number): number => {
      const slot = 4 + 2 * field
      if (slot + 2 > vtableSize) return -1
      const offset = view.getUint16(vtable + slot, true)
      return offset === 0 ? -1 : at + offset
    }
    const read = <T>(field: number, absent: T, get: (at: number) => T): T => {
      const where = place(field)
      return where < 0 ? absent : get(where)
    }
    return {
      int8: (field, absent) => read(field, absent, (where) => view.getInt8(within(where, 1))),
      int16: (field, absent) => read(field, absent, (where) => view.getInt16(within(where, 2), true)),
      int32: (field, absent) => read(field, absent, (where) => view.getInt32(within(where, 4), true)),
      int64: (field, absent) => read(field, absent, int64At),
      text: (field) => read<string | null>(field, null, (where) => {
        const { start, count } = vector(where, 1)
        return decodeText(bytes.subarray(start, start + count)) ?? broken('a text is not UTF-8')
      }),
      table: (field) => read<FlatTable | null>(field, null, (where) => tableAt(target(where))),
      tables: (field) => read<FlatTable[]>(field, [], (where) => {
        const { start, count } = vector(where, 4)
        return Array.from({ length: count }, (_, i) => tableAt(target(start + 4 * i)))
      }),
      pairs: (field) => read<{ first: number; second: number }[]>(field, [], (where) => {
        const { start, count } = vector(where, 16)
        return Array.from({ length: count }, (_, i) => ({ first: int64At(start + 16 * i), second: int64At(start + 16 * i + 8) }))
      }),
    }
  }
  return tableAt(target(0))
}

/** Null where the bytes are not UTF-8. */
export function decodeText(bytes: Uint8Array): string | null {
  try {
    return utf8.decode(bytes)
  } catch {
    return null
  }
}
