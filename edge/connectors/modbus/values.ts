import { BAD, GOOD, qualityReasons, UNCERTAIN } from '../../../registry/domain/contract/quality.ts'
import type { ModbusAddress, Order } from './address.ts'

export interface Decoded {
  /** NaN where the registers hold no number of this type. */
  readonly raw: number
  readonly quality: number
}

const NO_NUMBER: Decoded = { raw: NaN, quality: BAD | qualityReasons.device }
const good = (raw: number): Decoded => ({ raw, quality: GOOD })

/**
 * The number at `address` in the data bytes of an answer whose first register (or coil) is `first`. Registers come
 * big-endian, coils from the lowest bit of the first byte on (Modbus Application Protocol V1.1b3, 4.2 and 6.1).
 */
export function decodeValue(address: ModbusAddress, data: Uint8Array, first: number): Decoded {
  const at = address.start - first
  if (address.type === 'bool') return good(((data[at >> 3] ?? 0) >> (at & 7)) & 1)

  const bytes = inOrder(data.subarray(2 * at, 2 * (at + address.count)), address.order)
  const view = new DataView(bytes.buffer)
  switch (address.type) {
    case 'int16': return good(view.getInt16(0))
    case 'uint16': return good(bitOf(view.getUint16(0), address.bit))
    case 'int32': return good(view.getInt32(0))
    case 'uint32': return good(bitOf(view.getUint32(0), address.bit))
    case 'int64': return wide(view.getBigInt64(0))
    case 'uint64': return wide(view.getBigUint64(0))
    case 'float32': return real(view.getFloat32(0))
    case 'float64': return real(view.getFloat64(0))
    case 'bcd16':
    case 'bcd32': return decimalCoded(bytes)
  }
}

const bitOf = (value: number, bit: number | null) => (bit === null ? value : (value >>> bit) & 1)

const real = (raw: number): Decoded => (Number.isFinite(raw) ? good(raw) : { raw, quality: BAD | qualityReasons.notFinite })

/** Beyond 2^53 the nearest double is another number: what arrives is close, and says so. */
function wide(value: bigint): Decoded {
  const raw = Number(value)
  return { raw, quality: Number.isSafeInteger(raw) ? GOOD : UNCERTAIN }
}

/** Four bits a digit; a nibble above nine is no digit, and then there is no number. */
function decimalCoded(bytes: Uint8Array): Decoded {
  let raw = 0
  for (const byte of bytes) {
    const [high, low] = [byte >> 4, byte & 15]
    if (high > 9 || low > 9) return NO_NUMBER
    raw = raw * 100 + high * 10 + low
  }
  return good(raw)
}

/** A copy, most significant byte first. */
function inOrder(wire: Uint8Array, order: Order): Uint8Array<ArrayBuffer> {
  const last = wire.length - 1
  const from: Record<Order, (i: number) => number> = {
    AB: (i) => i,
    ABCD: (i) => i,
    BA: (i) => i ^ 1,
    BADC: (i) => i ^ 1,
    CDAB: (i) => (last - i) ^ 1,
    DCBA: (i) => last - i,
  }
  return Uint8Array.from(wire, (_, i) => wire[from[order](i)] ?? 0)
}
