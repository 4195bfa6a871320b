import { refuse } from '../../../registry/domain/errors.ts'
import { parseAddress } from './address.ts'
import type { ModbusClient } from './client.ts'
import { exceptionMeaning, type WriteRequest } from './pdu.ts'

/** A value for a coil, or for a holding register of 16 bits. Refuses (`invalid`) any other address, and a value that does not fit. */
export function writeRequest(address: string, value: number): WriteRequest {
  const { unit, table, start, type, order, bit } = parseAddress(address)
  const bad = (why: string): never => refuse('invalid', `Modbus address "${address}" ${why}`)
  if (table === 'coil') return value === 0 || value === 1 ? { unit, table, start, word: value } : bad(`is a coil and takes 0 or 1, not ${value}`)
  if (table !== 'holding' || bit !== null || order !== 'AB' || (type !== 'uint16' && type !== 'int16')) return bad('cannot be written; write to a coil (1:coil:7) or to a whole holding register (1:holding:100:uint16)')
  const [low, high] = type === 'uint16' ? [0, 0xffff] : [-0x8000, 0x7fff]
  if (!Number.isInteger(value) || value < low || value > high) return bad(`takes a whole number from ${low} to ${high}, not ${value}`)
  return { unit, table, start, word: value & 0xffff }
}

/** Refuses (`unavailable`) when the device does not say that it did it. */
export async function writeValue(ask: ModbusClient['ask'] | undefined, address: string, value: number): Promise<void> {
  const request = writeRequest(address, value)
  if (ask === undefined) return refuse('unavailable', `${address} cannot be written: there is no connection`)
  const answer = await ask(request)
  if (answer.kind === 'data') return
  const why = answer.kind === 'exception' ? `the device refuses it (${exceptionMeaning(answer.code).name})` : answer.kind === 'timeout' ? 'the device does not answer' : answer.why
  refuse('unavailable', `${address} cannot be written: ${why}`)
}
