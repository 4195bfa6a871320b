import { BAD, qualityReasons } from '../../../registry/domain/contract/quality.ts'
import { isBitTable, type Table } from './address.ts'

export interface ReadRequest {
  readonly unit: number
  readonly table: Table
  readonly start: number
  readonly count: number
}

/** What a read came to. */
export type Answer =
  | { readonly kind: 'data'; readonly data: Uint8Array; readonly atUs: number }
  | { readonly kind: 'exception'; readonly code: number; readonly atUs: number }
  | { readonly kind: 'timeout' }
  | { readonly kind: 'malformed'; readonly why: string }

const FUNCTIONS: Readonly<Record<Table, number>> = { coil: 1, discrete: 2, holding: 3, input: 4 }

/** A request's function code and fields (Modbus Application Protocol V1.1b3, 6.1 to 6.4). */
export function requestPdu({ table, start, count }: ReadRequest): Uint8Array {
  return Uint8Array.of(FUNCTIONS[table], start >> 8, start & 255, count >> 8, count & 255)
}

export const functionOf = (request: ReadRequest): number => FUNCTIONS[request.table]
export const dataBytes = ({ table, count }: ReadRequest): number => (isBitTable(table) ? Math.ceil(count / 8) : 2 * count)

/** Checks an answer to the last byte against what was asked; `data` is a copy. */
export function readAnswer(request: ReadRequest, pdu: Uint8Array, atUs: number): Answer {
  const asked = functionOf(request)
  const [code, second] = pdu
  if (code === (asked | 0x80)) {
    return pdu.length === 2 && second !== undefined ? { kind: 'exception', code: second, atUs } : malformed(`an exception of ${pdu.length} bytes`)
  }
  if (code !== asked) return malformed(`function ${code ?? 'none'} where ${asked} was asked`)
  const bytes = dataBytes(request)
  if (second !== bytes || pdu.length !== bytes + 2) return malformed(`${pdu.length - 2} bytes of data, said to be ${second ?? 0}, where ${bytes} were asked`)
  // A Buffer's own slice would be a view that keeps all of the chunk alive.
  return { kind: 'data', data: Uint8Array.from(pdu.subarray(2)), atUs }
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
