import { requestPdu, type ModbusRequest } from './pdu.ts'

const HEADER = 7
/** Unit and PDU: an exception is the shortest, 253 bytes of PDU the longest (MODBUS Messaging on TCP/IP V1.0b, 3.1.3, 4.2). */
const SHORTEST = 3
const LONGEST = 254

export interface MbapFrame {
  readonly transaction: number
  readonly unit: number
  readonly pdu: Uint8Array
}

export function mbapRequest(request: ModbusRequest, transaction: number): Uint8Array {
  const pdu = requestPdu(request)
  return Uint8Array.of(transaction >> 8, transaction & 255, 0, 0, 0, pdu.length + 1, request.unit, ...pdu)
}

/**
 * Cuts a stream into frames. It keeps less than one frame between calls. A header that cannot be one means that the
 * stream's frames can no longer be told apart: `broken` says why, and only a new connection helps.
 */
export function createMbapDecoder(): (chunk: Uint8Array) => { frames: MbapFrame[]; broken: string | null } {
  let rest: Uint8Array = new Uint8Array(0)
  return (chunk) => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    const frames: MbapFrame[] = []
    let at = 0
    let broken: string | null = null
    while (bytes.length - at >= HEADER) {
      const word = (offset: number) => ((bytes[at + offset] ?? 0) << 8) | (bytes[at + offset + 1] ?? 0)
      const length = word(4)
      if (word(2) !== 0) broken = `protocol identifier ${word(2)} where Modbus has 0`
      else if (length < SHORTEST || length > LONGEST) broken = `a frame of ${length} bytes, where ${SHORTEST} to ${LONGEST} are possible`
      if (broken !== null || bytes.length - at < HEADER - 1 + length) break
      frames.push({ transaction: word(0), unit: bytes[at + 6] ?? 0, pdu: bytes.subarray(at + HEADER, at + HEADER - 1 + length) })
      at += HEADER - 1 + length
    }
    // A copy, so that a small rest does not keep a large chunk alive.
    rest = broken === null ? Uint8Array.from(bytes.subarray(at)) : new Uint8Array(0)
    return { frames, broken }
  }
}
