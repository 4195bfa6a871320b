import { refuse } from '../../../registry/domain/errors.ts'

export type Table = 'holding' | 'input' | 'coil' | 'discrete'
export type BitTable = 'coil' | 'discrete'

/** How registers make a number: its width in registers of 16 bits. */
export const registerTypes = {
  int16: 1, uint16: 1, bcd16: 1,
  int32: 2, uint32: 2, float32: 2, bcd32: 2,
  int64: 4, uint64: 4, float64: 4,
} as const
export type RegisterType = keyof typeof registerTypes

/**
 * Letters in the order they come over the wire, A the most significant byte: `CDAB` has its words swapped, `BADC` the
 * bytes in each word, `DCBA` both. Numbers of four registers take the same names for the same two swaps.
 */
export const orders = ['AB', 'BA', 'ABCD', 'CDAB', 'BADC', 'DCBA'] as const
export type Order = (typeof orders)[number]

export interface ModbusAddress {
  readonly unit: number
  readonly table: Table
  /** Zero-based, as the protocol carries it. */
  readonly start: number
  /** Registers, or one coil. */
  readonly count: number
  readonly type: RegisterType | 'bool'
  readonly order: Order
  /** One bit of an unsigned number, 0 the least significant; null: the number. */
  readonly bit: number | null
}

const TABLES: readonly string[] = ['holding', 'input', 'coil', 'discrete'] satisfies Table[]
const CLASSIC: Readonly<Record<string, Table>> = { 0: 'coil', 1: 'discrete', 3: 'input', 4: 'holding' }
const LAST = 65_535
const SHAPE = 'write unit:table:register:type[:order][:bit], e.g. 1:holding:100:int16, 1:input:8:float32:CDAB, 1:holding:4:uint16:bit3, 1:coil:7'

export const isBitTable = (table: Table): table is BitTable => table === 'coil' || table === 'discrete'

/**
 * Reads `unit:table:register:type[:order][:bit]`, or `unit:40101:type…` with the classic number in place of table and
 * register. Refuses (`invalid`, with the cure) anything else: no blanks, no capitals but the order's, no leading zeros.
 */
export function parseAddress(text: string): ModbusAddress {
  const bad = (why: string): never => refuse('invalid', `Modbus address "${text}": ${why}; ${SHAPE}`)
  const parts = text.split(':')
  const [unitText = '', second = ''] = parts
  const unit = decimal(unitText)
  if (unit === null || unit > 255) return bad(`"${unitText}" is no unit (0 to 255)`)

  const classic = /^\d+$/.test(second)
  const { table, start } = classic ? readClassic(second, bad) : readPlain(second, parts[2], bad)
  const rest = parts.slice(classic ? 2 : 3)

  if (isBitTable(table)) {
    if (rest.length > 1 || (rest.length === 1 && rest[0] !== 'bool')) return bad(`a ${table} is one bit and has no type but bool`)
    return { unit, table, start, count: 1, type: 'bool', order: 'AB', bit: null }
  }
  const [type = '', ...more] = rest
  if (!isRegisterType(type)) return bad(type === '' ? 'its type is missing' : `"${type}" is no type (${Object.keys(registerTypes).join(', ')})`)
  const count = registerTypes[type]
  if (start + count - 1 > LAST) return bad(`a ${type} takes ${count} registers and would end beyond ${LAST}`)

  const order = more[0] !== undefined && !more[0].startsWith('bit') ? readOrder(more.shift() ?? '', count, bad) : count === 1 ? 'AB' : 'ABCD'
  const bit = more.length > 0 ? readBit(more.shift() ?? '', type, count, bad) : null
  if (more.length > 0) return bad(`"${more.join(':')}" is too much`)
  return { unit, table, start, count, type, order, bit }
}

/** The one spelling of an address: defaults left out, zero-based. */
export function formatAddress({ unit, table, start, count, type, order, bit }: ModbusAddress): string {
  if (isBitTable(table)) return `${unit}:${table}:${start}`
  const usual = count === 1 ? 'AB' : 'ABCD'
  return [unit, table, start, type, ...(order === usual ? [] : [order]), ...(bit === null ? [] : [`bit${bit}`])].join(':')
}

type Bad = (why: string) => never

function readPlain(table: string, register: string | undefined, bad: Bad): { table: Table; start: number } {
  if (!isTable(table)) return bad(`"${table}" is no table (${TABLES.join(', ')})`)
  const start = decimal(register ?? '')
  if (start === null || start > LAST) return bad(`"${register ?? ''}" is no register (0 to ${LAST})`)
  return { table, start }
}

/** 40001 is the first holding register, address 0 on the wire; six digits (400001 to 465536) reach all of them. */
function readClassic(text: string, bad: Bad): { table: Table; start: number } {
  const table = CLASSIC[text[0] ?? '']
  const number = Number(text.slice(1))
  if ((text.length !== 5 && text.length !== 6) || !table) {
    return bad(`"${text}" is neither a table nor a classic number (five or six digits that begin with 0 coil, 1 discrete, 3 input or 4 holding)`)
  }
  if (number < 1 || number > LAST + 1) return bad(`"${text}" is out of range: classic numbers count from 1 to ${LAST + 1} after their first digit`)
  return { table, start: number - 1 }
}

function readOrder(text: string, count: number, bad: Bad): Order {
  const allowed = orders.filter((order) => (order.length === 2) === (count === 1))
  const order = allowed.find((name) => name === text)
  return order ?? bad(`"${text}" is no order of ${count === 1 ? 'one register' : `${count} registers`} (${allowed.join(', ')}), nor a bit`)
}

function readBit(text: string, type: RegisterType, count: number, bad: Bad): number {
  if (type !== 'uint16' && type !== 'uint32') return bad(`a bit is taken of a uint16 or uint32, not of a ${type}`)
  const bit = decimal(text.startsWith('bit') ? text.slice(3) : '')
  if (bit === null || bit >= 16 * count) return bad(`"${text}" is no bit of a ${type} (bit0 to bit${16 * count - 1})`)
  return bit
}

const decimal = (text: string) => (/^(0|[1-9]\d{0,5})$/.test(text) ? Number(text) : null)
const isTable = (text: string): text is Table => TABLES.includes(text)
const isRegisterType = (text: string): text is RegisterType => Object.hasOwn(registerTypes, text)
