import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatAddress, orders, parseAddress, registerTypes, type ModbusAddress, type RegisterType } from '../../../../../edge/connectors/modbus/address.ts'
import { modbusRtu, modbusTcp } from '../../../../../edge/connectors/modbus/index.ts'
import { DomainError } from '../../../../../registry/domain/errors.ts'

const address = (text: string) => parseAddress(text)
const refused = (text: string, why: RegExp) => {
  assert.throws(() => parseAddress(text), (error) => error instanceof DomainError && error.code === 'invalid' && why.test(error.message), text)
}

test('reads what the docs show', () => {
  assert.deepEqual(address('1:holding:100:int16'), { unit: 1, table: 'holding', start: 100, count: 1, type: 'int16', order: 'AB', bit: null })
  assert.deepEqual(address('17:input:8:float32:CDAB'), { unit: 17, table: 'input', start: 8, count: 2, type: 'float32', order: 'CDAB', bit: null })
  assert.deepEqual(address('1:holding:4:uint16:bit3'), { unit: 1, table: 'holding', start: 4, count: 1, type: 'uint16', order: 'AB', bit: 3 })
  assert.deepEqual(address('1:holding:4:uint32:CDAB:bit31'), { unit: 1, table: 'holding', start: 4, count: 2, type: 'uint32', order: 'CDAB', bit: 31 })
  assert.deepEqual(address('1:coil:7'), { unit: 1, table: 'coil', start: 7, count: 1, type: 'bool', order: 'AB', bit: null })
  assert.deepEqual(address('1:discrete:7:bool'), { ...address('1:coil:7'), table: 'discrete' })
})

test('classic numbers count from one, in five or six digits', () => {
  assert.deepEqual(address('1:40101:int16'), address('1:holding:100:int16'))
  assert.deepEqual(address('1:400101:float32:CDAB'), address('1:holding:100:float32:CDAB'))
  assert.deepEqual(address('1:30001:uint16'), address('1:input:0:uint16'))
  assert.deepEqual(address('1:10008'), address('1:discrete:7'))
  assert.deepEqual(address('1:00008'), address('1:coil:7'))
  assert.deepEqual(address('1:465536:uint16'), address('1:holding:65535:uint16'))
  // A plain register is never read as a classic number: SunSpec devices do have a register 40000.
  assert.equal(address('1:holding:40001:int16').start, 40_001)
})

test('refuses everything else, and says what to write', () => {
  for (const [text, why] of [
    ['', /no unit/], ['1', /no table|neither/], ['x:holding:1:int16', /no unit/], ['256:holding:1:int16', /0 to 255/], ['01:holding:1:int16', /no unit/], ['-1:holding:1:int16', /no unit/],
    ['1:Holding:1:int16', /no table/], ['1: holding:1:int16', /no table/], ['1:toString:1:int16', /no table/],
    ['1:holding:65536:int16', /no register/], ['1:holding:1.5:int16', /no register/], ['1:holding:0x10:int16', /no register/], ['1:holding:007:int16', /no register/], ['1:holding::int16', /no register/],
    ['1:holding:1', /type is missing/], ['1:holding:1:word', /no type/], ['1:holding:1:bool', /no type/], ['1:holding:1:constructor', /no type/],
    ['1:holding:65535:float32', /beyond 65535/], ['1:holding:65533:float64', /beyond 65535/],
    ['1:holding:1:int16:ABCD', /no order of one register/], ['1:holding:1:int32:AB', /no order of 2 registers/], ['1:holding:1:int32:abcd', /no order/],
    ['1:holding:1:int16:bit3', /taken of a uint16/], ['1:holding:1:uint16:bit16', /bit0 to bit15/], ['1:holding:1:uint16:bit', /no bit/], ['1:holding:1:uint16:bit3:BA', /too much/], ['1:holding:1:uint16:bit3:bit4', /too much/],
    ['1:coil:1:int16', /no type but bool/], ['1:coil:1:bool:bit0', /no type but bool/],
    ['1:20001:int16', /neither a table nor a classic number/], ['1:4001:int16', /neither/], ['1:40000:int16', /count from 1/], ['1:465537:int16', /count from 1/],
    ['1:holding:1:int16\n', /no type/], ['1:holding:1:int16:', /no order/],
  ] as const) refused(text, why)
})

const anyAddress: fc.Arbitrary<ModbusAddress> = fc.oneof(
  fc.record({ unit: fc.nat(255), table: fc.constantFrom('coil' as const, 'discrete' as const), start: fc.nat(65_535) })
    .map((head): ModbusAddress => ({ ...head, count: 1, type: 'bool', order: 'AB', bit: null })),
  fc.record({
    unit: fc.nat(255), table: fc.constantFrom('holding' as const, 'input' as const), start: fc.nat(65_532),
    type: fc.constantFrom(...Object.keys(registerTypes) as RegisterType[]), order: fc.nat(3), bit: fc.option(fc.nat(31)),
  }).map(({ order, bit, ...head }): ModbusAddress => {
    const count = registerTypes[head.type]
    const fitting = orders.filter((name) => (name.length === 2) === (count === 1))
    const bits = head.type === 'uint16' || head.type === 'uint32'
    return { ...head, count, order: fitting[order % fitting.length] ?? 'AB', bit: bits && bit !== null ? bit % (16 * count) : null }
  }),
)

test('an address written and read again is the same', () => {
  fc.assert(fc.property(anyAddress, (one) => { assert.deepEqual(parseAddress(formatAddress(one)), one) }))
})

test('any text is either refused as invalid or has one spelling', () => {
  const text = fc.oneof(fc.string(), fc.array(fc.constantFrom('1', '0', '255', 'holding', 'coil', '40001', '100', 'int16', 'uint16', 'float64', 'BA', 'CDAB', 'bit3', 'bit', ':', '', ' '), { maxLength: 9 }).map((parts) => parts.join(':')))
  fc.assert(fc.property(text, (one) => {
    try {
      const parsed = parseAddress(one)
      assert.deepEqual(parseAddress(formatAddress(parsed)), parsed)
    } catch (error) {
      if (!(error instanceof DomainError) || error.code !== 'invalid') throw error
    }
  }), { numRuns: 2_000 })
})

test('the kind refuses what its wire cannot ask for', () => {
  const tcp = modbusTcp.config.parse({ host: 'plc' })
  const overTcp = modbusTcp.config.parse({ host: 'plc', framing: 'rtu-over-tcp' })
  const serial = modbusRtu.config.parse({ path: '/dev/ttyUSB0' })
  modbusTcp.checkAddress('0:holding:1:int16', 'scalar', tcp)
  modbusTcp.checkAddress('255:holding:1:int16', 'scalar', tcp)
  modbusRtu.checkAddress('247:holding:1:int16', 'scalar', serial)
  assert.throws(() => { modbusTcp.checkAddress('0:holding:1:int16', 'scalar', overTcp) }, /from 1 to 247/)
  assert.throws(() => { modbusRtu.checkAddress('248:holding:1:int16', 'scalar', serial) }, /from 1 to 247/)
  assert.throws(() => { modbusTcp.checkAddress('1:holding:1:int16', 'waveform', tcp) }, /single numbers only/)
  assert.throws(() => { modbusTcp.checkAddress('1:holding:1:float64', 'scalar', modbusTcp.config.parse({ host: 'plc', merge: { registers: 2 } })) }, /merge\.registers/)
})

test('the config has defaults, and refuses what cannot be', () => {
  const config = modbusTcp.config.parse({ host: 'plc' })
  assert.deepEqual({ ...config, merge: config.merge.registers }, {
    host: 'plc', port: 502, framing: 'tcp', connection: 'shared', inFlight: 1, connectTimeout: 5_000, pause: 0, every: 1_000, timeout: 1_000,
    merge: 125, backoff: { first: 1_000, most: 60_000 }, retryRefused: 60_000,
  })
  assert.equal(modbusTcp.config.safeParse({ host: 'plc', framing: 'rtu-over-tcp', inFlight: 2 }).success, false)
  assert.equal(modbusTcp.config.safeParse({ host: 'plc', merge: { registers: 126 } }).success, false)
  assert.equal(modbusTcp.config.safeParse({ host: 'plc', prot: 502 }).success, false)
  assert.equal(modbusRtu.config.safeParse({ path: '/dev/ttyUSB0', parity: 'mark' }).success, false)
})
