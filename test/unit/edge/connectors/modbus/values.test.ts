import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { orders, parseAddress, registerTypes, type Order, type RegisterType } from '../../../../../edge/connectors/modbus/address.ts'
import { decodeValue } from '../../../../../edge/connectors/modbus/values.ts'
import { BAD, GOOD, qualityReasons, UNCERTAIN } from '../../../../../registry/domain/contract/quality.ts'

const decode = (text: string, bytes: readonly number[], first?: number) => {
  const address = parseAddress(text)
  return decodeValue(address, Uint8Array.from(bytes), first ?? address.start)
}
const bytesOf = (hex: string) => [...Buffer.from(hex.replaceAll(' ', ''), 'hex')]

test('numbers worked out by hand', () => {
  assert.deepEqual(decode('1:holding:0:int16', bytesOf('ff fe')), { raw: -2, quality: GOOD })
  assert.equal(decode('1:holding:0:uint16', bytesOf('ff fe')).raw, 65_534)
  assert.equal(decode('1:holding:0:uint16:BA', bytesOf('34 12')).raw, 0x1234)
  // 123.456 as IEEE 754 single: 42 F6 E9 79.
  for (const [order, hex] of [['ABCD', '42f6e979'], ['CDAB', 'e97942f6'], ['BADC', 'f64279e9'], ['DCBA', '79e9f642']]) {
    assert.equal(decode(`1:holding:0:float32:${order}`, bytesOf(hex ?? '')).raw, Math.fround(123.456), order)
  }
  // Pi as IEEE 754 double: 40 09 21 FB 54 44 2D 18.
  for (const [order, hex] of [['ABCD', '400921fb54442d18'], ['CDAB', '2d18544421fb4009'], ['BADC', '0940fb214454182d'], ['DCBA', '182d4454fb210940']]) {
    assert.equal(decode(`1:holding:0:float64:${order}`, bytesOf(hex ?? '')).raw, Math.PI, order)
  }
  assert.equal(decode('1:holding:0:bcd16', bytesOf('12 34')).raw, 1_234)
  assert.equal(decode('1:holding:0:bcd32', bytesOf('12 34 56 78')).raw, 12_345_678)
  assert.equal(decode('1:holding:0:bcd32:CDAB', bytesOf('56 78 12 34')).raw, 12_345_678)
  assert.equal(decode('1:holding:0:uint16:bit0', bytesOf('00 01')).raw, 1)
  assert.equal(decode('1:holding:0:uint16:bit15', bytesOf('80 00')).raw, 1)
  assert.equal(decode('1:holding:0:uint16:bit14', bytesOf('80 00')).raw, 0)
  assert.equal(decode('1:holding:0:uint32:bit31', bytesOf('80 00 00 00')).raw, 1)
  // Register 12 out of an answer that begins at register 10; coil 11 out of one that begins at coil 2.
  assert.equal(decode('1:input:12:uint16', bytesOf('0001 0002 0003'), 10).raw, 3)
  assert.equal(decode('1:coil:11', [0b0000_0000, 0b0000_0010], 2).raw, 1)
  assert.equal(decode('1:coil:10', [0b0000_0000, 0b0000_0010], 2).raw, 0)
})

test('what is no number of its type is bad; what a double cannot hold is uncertain', () => {
  assert.deepEqual(decode('1:holding:0:bcd16', bytesOf('1a 34')), { raw: NaN, quality: BAD | qualityReasons.device })
  assert.deepEqual(decode('1:holding:0:float32', bytesOf('7fc00000')), { raw: NaN, quality: BAD | qualityReasons.notFinite })
  assert.deepEqual(decode('1:holding:0:float32', bytesOf('ff800000')), { raw: -Infinity, quality: BAD | qualityReasons.notFinite })
  assert.deepEqual(decode('1:holding:0:uint64', bytesOf('001fffffffffffff')), { raw: 2 ** 53 - 1, quality: GOOD })
  assert.deepEqual(decode('1:holding:0:uint64', bytesOf('0020000000000001')), { raw: 2 ** 53, quality: UNCERTAIN })
  assert.deepEqual(decode('1:holding:0:int64', bytesOf('8000000000000000')), { raw: -(2 ** 63), quality: UNCERTAIN })
  assert.deepEqual(decode('1:holding:0:int64:DCBA', bytesOf('feffffffffffffff')), { raw: -2, quality: GOOD })
})

/** Written from the other end: a number becomes bytes by Node's own writers, and they are put on the wire by swapping. */
function onTheWire(type: RegisterType, value: number | bigint, order: Order): Buffer {
  const bytes = Buffer.alloc(2 * registerTypes[type])
  const n = Number(value)
  const write: Record<RegisterType, () => void> = {
    int16: () => { bytes.writeInt16BE(n) }, uint16: () => { bytes.writeUInt16BE(n) },
    int32: () => { bytes.writeInt32BE(n) }, uint32: () => { bytes.writeUInt32BE(n) },
    int64: () => { bytes.writeBigInt64BE(BigInt(value)) }, uint64: () => { bytes.writeBigUInt64BE(BigInt(value)) },
    float32: () => { bytes.writeFloatBE(n) }, float64: () => { bytes.writeDoubleBE(n) },
    bcd16: () => { bytes.write(String(n).padStart(4, '0'), 'hex') }, bcd32: () => { bytes.write(String(n).padStart(8, '0'), 'hex') },
  }
  write[type]()
  const words = Array.from({ length: bytes.length / 2 }, (_, i) => bytes.subarray(2 * i, 2 * i + 2))
  if (order === 'CDAB' || order === 'DCBA') words.reverse()
  const wire = Buffer.concat(words)
  return order === 'BA' || order === 'BADC' || order === 'DCBA' ? wire.swap16() : wire
}

const values: Record<RegisterType, fc.Arbitrary<number | bigint>> = {
  int16: fc.integer({ min: -32_768, max: 32_767 }), uint16: fc.nat(65_535), bcd16: fc.nat(9_999), bcd32: fc.nat(99_999_999),
  int32: fc.integer(), uint32: fc.nat(0xffff_ffff), int64: fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), uint64: fc.bigInt(0n, 2n ** 64n - 1n),
  float32: fc.float({ noNaN: true, noDefaultInfinity: true }), float64: fc.double({ noNaN: true, noDefaultInfinity: true }),
}

for (const type of Object.keys(registerTypes) as RegisterType[]) {
  for (const order of orders.filter((name) => (name.length === 2) === (registerTypes[type] === 1))) {
    test(`${type} in order ${order} is what a device wrote`, () => {
      fc.assert(fc.property(values[type], fc.nat(20), fc.nat(5), (value, before, after) => {
        const address = parseAddress(`1:holding:${100 + before}:${type}:${order}`)
        const answer = Buffer.concat([Buffer.alloc(2 * before, 0xa5), onTheWire(type, value, order), Buffer.alloc(2 * after, 0x5a)])
        const { raw, quality } = decodeValue(address, answer, 100)
        assert.ok(Object.is(raw, Number(value)), `${raw} for ${value}`)
        assert.equal(quality, typeof value === 'bigint' && (value > 2n ** 53n - 1n || value < -(2n ** 53n) + 1n) ? UNCERTAIN : GOOD)
      }), { numRuns: 50 })
    })
  }
}

test('each bit is that of the number', () => {
  fc.assert(fc.property(fc.nat(0xffff_ffff), fc.nat(31), fc.constantFrom<Order>('ABCD', 'CDAB', 'BADC', 'DCBA'), (value, bit, order) => {
    assert.equal(decodeValue(parseAddress(`1:input:0:uint32:${order}:bit${bit}`), onTheWire('uint32', value, order), 0).raw, Number((BigInt(value) >> BigInt(bit)) & 1n))
  }))
})
