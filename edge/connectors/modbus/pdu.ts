import { BAD, qualityReasons } from '../../../registry/domain/contract/quality.ts'
import { isBitTable, type Table } from './address.ts'

export interface ReadRequest {
  readonly unit: number
  readonly table: Table
  readonly start: number
  readonly count: number
}

/** One coil, or one holding register: `word` is its 16 bits. */
export interface WriteRequest {
  readonly unit: number
  readonly table: 'coil' | 'holding'
  readonly start: number
  readonly word: number
}
export type ModbusRequest = ReadRequest | WriteRequest

const isWrite = (request: ModbusRequest): request is WriteRequest => 'word' in request

/** What a request came to; a write that was carried out has no data. */
export type Answer =
  | { readonly kind: 'data'; readonly data: Uint8Array; readonly atUs: number }
  | { readonly kind: 'exception'; readonly code: number; readonly atUs: number }
  | { readonly kind: 'timeout' }
  | { readonly kind: 'malformed'; readonly why: string }

const FUNCTIONS: Readonly<Record<Table, number>> = { coil: 1, discrete: 2, holding: 3, input: 4 }
const WRITES: Readonly<Record<WriteRequest['table'], number>> = { coil: 5, holding: 6 }
const COIL_ON = 0xff00

/** A request's function code and fields (Modbus Application Protocol V1.1b3, 6.1 to 6.6). */
export function requestPdu(request: ModbusRequest): Uint8Array {
  const { start } = request
  const last = !isWrite(request) ? request.count : request.table === 'holding' ? request.word : request.word === 0 ? 0 : COIL_ON
  return Uint8Array.of(functionOf(request), start >> 8, start & 255, last >> 8, last & 255)
}

export const functionOf = (request: ModbusRequest): number => (isWrite(request) ? WRITES[request.table] : FUNCTIONS[request.table])

/** How the PDU begins that answers a request well, and how long it is: a read's says its bytes, a write's repeats the request. */
export function goodAnswer(request: ModbusRequest): { readonly head: Uint8Array; readonly length: number } {
  if (isWrite(request)) {
    const head = requestPdu(request)
    return { head, length: head.length }
  }
  const bytes = isBitTable(request.table) ? Math.ceil(request.count / 8) : 2 * request.count
  return { head: Uint8Array.of(functionOf(request), bytes), length: bytes + 2 }
}

/** Checks an answer to the last byte against what was asked; `data` is a copy. */
export function readAnswer(request: ModbusRequest, pdu: Uint8Array, atUs: number): Answer {
  const asked = functionOf(request)
  const [code, second] = pdu
  if (code === (asked | 0x80)) {
    return pdu.length === 2 && second !== undefined ? { kind: 'exception', code: second, atUs } : malformed(`an exception of ${pdu.length} bytes`)
  }
  if (code !== asked) return malformed(`function ${code ?? 'none'} where ${asked} was asked`)
  const { head, length } = goodAnswer(request)
  if (pdu.length !== length || head.some((byte, i) => pdu[i] !== byte)) {
    return malformed(isWrite(request) ? 'an answer to a write that does not repeat it' : `${pdu.length - 2} bytes of data, said to be ${second ?? 0}, where ${length - 2} were asked`)
  }
  // A Buffer's own slice would be a view that keeps all of the chunk alive.
  return { kind: 'data', data: isWrite(request) ? new Uint8Array(0) : Uint8Array.from(pdu.subarray(2)), atUs }
}

const malformed = (why: string): Answer => ({ kind: 'malformed', why })

export interface ExceptionMeaning {
  readonly name: string
  readonly quality: number
  /**
   * `address`: this very range was refused, so parts of it may still be read. `lasting`: asking again soon is useless.
   * `passing`: the next poll may do better. `silent`: the machine behind a gateway did not answer.
   */
  readonly means: 'address' | 'lasting' | 'passing' | 'silent'
}

const DEVICE = BAD | qualityReasons.device

const EXCEPTIONS: Readonly<Record<number, ExceptionMeaning>> = {
  1: { name: 'illegal function', quality: DEVICE, means: 'lasting' },
  2: { name: 'illegal data address', quality: DEVICE, means: 'address' },
  3: { name: 'illegal data value', quality: DEVICE, means: 'address' },
  4: { name: 'device failure', quality: DEVICE, means: 'passing' },
  5: { name: 'acknowledge', quality: BAD | qualityReasons.missing, means: 'passing' },
  6: { name: 'device busy', quality: BAD | qualityReasons.missing, means: 'passing' },
  7: { name: 'negative acknowledge', quality: DEVICE, means: 'passing' },
  8: { name: 'memory parity error', quality: DEVICE, means: 'passing' },
  10: { name: 'gateway path unavailable', quality: BAD | qualityReasons.communication, means: 'silent' },
  11: { name: 'gateway target failed to respond', quality: BAD | qualityReasons.communication, means: 'silent' },
}

/** What an exception says of the addresses asked for (Modbus Application Protocol V1.1b3, 7). */
export const exceptionMeaning = (code: number): ExceptionMeaning =>
  EXCEPTIONS[code] ?? { name: 'unknown exception', quality: DEVICE, means: 'passing' }
