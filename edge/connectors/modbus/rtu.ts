import { functionOf, goodAnswer, requestPdu, type ModbusRequest } from './pdu.ts'

const TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1) !== 0 ? (crc >>> 1) ^ 0xa001 : crc >>> 1
  return crc
})

/** CRC-16/MODBUS of `bytes[from, to)`; it follows them low byte first (Modbus over serial line V1.02, 6.2.2). */
export function crc16(bytes: Uint8Array, from = 0, to = bytes.length): number {
  let crc = 0xffff
  for (let i = from; i < to; i++) crc = (crc >>> 8) ^ (TABLE[(crc ^ (bytes[i] ?? 0)) & 255] ?? 0)
  return crc
}

export function rtuRequest(request: ModbusRequest): Uint8Array {
  return withCrc(Uint8Array.of(request.unit, ...requestPdu(request)))
}

function withCrc(frame: Uint8Array): Uint8Array {
  const crc = crc16(frame)
  return Uint8Array.of(...frame, crc & 255, crc >> 8)
}

/**
 * The PDU of the first whole frame in `bytes` that answers `request`: its unit, its function or the exception to it, the
 * size asked for and a right CRC. Anything around it (an echo of the request, noise of the line's switching, another
 * unit's frame) is passed over. Null while there is none.
 */
export function findRtuAnswer(bytes: Uint8Array, request: ModbusRequest): { pdu: Uint8Array; strayBytes: number } | null {
  const asked = functionOf(request)
  const good = goodAnswer(request)
  for (let at = 0; at + 5 <= bytes.length; at++) {
    if (bytes[at] !== request.unit) continue
    const code = bytes[at + 1]
    const length = good.head.every((byte, i) => bytes[at + 1 + i] === byte) ? 1 + good.length : code === (asked | 0x80) ? 3 : 0
    const end = at + length
    if (length === 0 || end + 2 > bytes.length) continue
    if (crc16(bytes, at, end) !== ((bytes[end] ?? 0) | ((bytes[end + 1] ?? 0) << 8))) continue
    return { pdu: bytes.subarray(at + 1, end), strayBytes: bytes.length - length - 2 }
  }
  return null
}
