const HIGH = 2 ** 32

/** Of each row the entry of a dictionary. */
export type DictionaryIndex = Int8Array | Int16Array | Int32Array

/**
 * Micros travel as 64-bit integers. BigInt arithmetic is some fifty times slower than two 32-bit halves, and every
 * reading carries two times, so both directions work on the halves (little-endian, as Arrow streams are).
 */
export function microsToInt64(micros: Float64Array): BigInt64Array {
  const halves = new Int32Array(micros.length * 2)
  for (let i = 0; i < micros.length; i++) {
    const value = micros[i]!
    const high = Math.floor(value / HIGH)
    halves[2 * i] = value - high * HIGH
    halves[2 * i + 1] = high
  }
  return new BigInt64Array(halves.buffer)
}

/** Null when a value is beyond 2^53, where a double would round it. */
export function int64ToMicros(bytes: Uint8Array, count: number): Float64Array | null {
  const halves = new Int32Array(bytes.buffer, bytes.byteOffset, count * 2)
  const micros = new Float64Array(count)
  let beyond = 0
  for (let i = 0; i < count; i++) {
    const high = halves[2 * i + 1]!
    // In range, bits 21..31 of the high half repeat the sign.
    beyond |= (high >> 21) ^ (high >> 31)
    micros[i] = high * HIGH + (halves[2 * i]! >>> 0)
  }
  return beyond === 0 ? micros : null
}

/** Times through a dictionary; null when an index leads outside it. */
export function indexToMicros(times: Float64Array, index: DictionaryIndex): Float64Array | null {
  const rows = index.length
  const micros = new Float64Array(rows)
  for (let i = 0; i < rows; i++) {
    // Asking whether something was there costs half as much as comparing the index first.
    const time = times[index[i]!]
    if (time === undefined) return null
    micros[i] = time
  }
  return micros
}

/** Whether every index leads to one of so many entries. */
export function isWithin(index: DictionaryIndex, entries: number): boolean {
  for (let i = 0; i < index.length; i++) if (index[i]! < 0 || index[i]! >= entries) return false
  return true
}
