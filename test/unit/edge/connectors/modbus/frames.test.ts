import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createMbapDecoder, mbapRequest } from '../../../../../edge/connectors/modbus/mbap.ts'
import { exceptionMeaning, readAnswer, type ModbusRequest, type ReadRequest } from '../../../../../edge/connectors/modbus/pdu.ts'
import { crc16, findRtuAnswer, rtuRequest } from '../../../../../edge/connectors/modbus/rtu.ts'
import { writeRequest } from '../../../../../edge/connectors/modbus/write.ts'
import { qualityLevel } from '../../../../../registry/domain/contract/quality.ts'
import { mbapFrame, rtuFrame, slowCrc } from '../../../../helpers/modbus.ts'

const request: ReadRequest = { unit: 17, table: 'holding', start: 107, count: 3 }
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const bytes = (text: string) => Buffer.from(text, 'hex')

test('requests are those of the specification', () => {
  // Modbus Application Protocol V1.1b3, 6.3: read 108 to 110 of the holding registers.
  assert.equal(hex(mbapRequest(request, 0x1501)), '150100000006' + '11' + '03006b0003')
  assert.equal(hex(rtuRequest(request)), '1103006b00037687')
  assert.equal(hex(mbapRequest({ unit: 1, table: 'coil', start: 19, count: 19 }, 0)), '000000000006' + '01' + '0100130013')
  assert.equal(hex(mbapRequest({ unit: 1, table: 'discrete', start: 196, count: 22 }, 0)), '000000000006' + '01' + '0200c40016')
  assert.equal(hex(mbapRequest({ unit: 1, table: 'input', start: 65_535, count: 1 }, 65_535)), 'ffff00000006' + '01' + '04ffff0001')
})

test('an answer is checked to the last byte', () => {
  const kind = (text: string, of = request) => readAnswer(of, bytes(text), 5).kind
  assert.deepEqual(readAnswer(request, bytes('0306022b00000064'), 5), { kind: 'data', data: Uint8Array.from(bytes('022b00000064')), atUs: 5 })
  assert.deepEqual(readAnswer(request, bytes('8302'), 5), { kind: 'exception', code: 2, atUs: 5 })
  assert.equal(kind('0306022b000000'), 'malformed')
  assert.equal(kind('0306022b0000006400'), 'malformed')
  assert.equal(kind('0308022b00000064'), 'malformed')
  assert.equal(kind('0406022b00000064'), 'malformed')
  assert.equal(kind('8402'), 'malformed')
  assert.equal(kind('83'), 'malformed')
  assert.equal(kind('830200'), 'malformed')
  assert.equal(kind(''), 'malformed')
  assert.equal(kind('0103cd6b05', { unit: 1, table: 'coil', start: 19, count: 19 }), 'data')
  assert.equal(kind('0102cd6b', { unit: 1, table: 'coil', start: 19, count: 19 }), 'malformed')
})

test('writes are those of the specification, and are done only when the answer repeats them', () => {
  // Modbus Application Protocol V1.1b3, 6.5: coil 173 on; 6.6: register 2 becomes 3.
  const coil: ModbusRequest = { unit: 1, table: 'coil', start: 172, word: 1 }
  const register: ModbusRequest = { unit: 1, table: 'holding', start: 1, word: 3 }
  assert.equal(hex(mbapRequest(coil, 0)), '000000000006' + '01' + '0500acff00')
  assert.equal(hex(mbapRequest(register, 0)), '000000000006' + '01' + '0600010003')
  assert.equal(readAnswer(coil, bytes('0500acff00'), 5).kind, 'data')
  for (const other of ['0500ac0000', '0500adff00', '0500acff', '0600acff00']) assert.equal(readAnswer(coil, bytes(other), 5).kind, 'malformed', other)
  assert.deepEqual(readAnswer(register, bytes('8604'), 5), { kind: 'exception', code: 4, atUs: 5 })
  const answer = rtuFrame(bytes('010600010003'))
  assert.deepEqual(findRtuAnswer(Buffer.concat([bytes('ff00'), answer, bytes('aa')]), register), { pdu: bytes('0600010003'), strayBytes: 3 })
  assert.equal(findRtuAnswer(rtuFrame(bytes('010600010004')), register), null)
})

test('what can be written: a coil, a whole holding register, a number that fits', () => {
  assert.deepEqual(writeRequest('1:coil:7', 1), { unit: 1, table: 'coil', start: 7, word: 1 })
  assert.deepEqual(writeRequest('2:holding:5:int16', -2), { unit: 2, table: 'holding', start: 5, word: 0xfffe })
  for (const [address, value] of [['1:coil:7', 2], ['1:discrete:7', 1], ['1:input:7:uint16', 1], ['1:holding:7:float32', 1], ['1:holding:7:uint16:bit3', 1], ['1:holding:7:uint16', 65_536], ['1:holding:7:uint16', 0.5], ['1:holding:7:int16', 40_000]] as const) {
    assert.throws(() => writeRequest(address, value), { code: 'invalid' }, `${address} ${value}`)
  }
})

test('every exception code means something, and nothing good', () => {
  for (let code = 0; code < 256; code++) assert.equal(qualityLevel(exceptionMeaning(code).quality), 'bad')
  assert.equal(exceptionMeaning(2).means, 'address')
  assert.equal(exceptionMeaning(11).means, 'silent')
})

const frame = fc.record({ transaction: fc.nat(65_535), body: fc.uint8Array({ minLength: 3, maxLength: 254 }) })
const cutUp = (whole: Uint8Array, at: readonly number[]) => {
  const places = [0, ...at.map((place) => place % (whole.length + 1)).sort((a, b) => a - b), whole.length]
  return places.slice(1).map((place, i) => whole.subarray(places[i], place))
}

test('a stream gives the same frames however it is cut into pieces', () => {
  fc.assert(fc.property(fc.array(frame, { maxLength: 8 }), fc.array(fc.nat(3_000), { maxLength: 20 }), (frames, at) => {
    const decode = createMbapDecoder()
    const got = cutUp(Buffer.concat(frames.map(({ transaction, body }) => mbapFrame(transaction, body))), at).map(decode)
    assert.ok(got.every(({ broken }) => broken === null))
    assert.deepEqual(
      got.flatMap((part) => part.frames.map(({ transaction, unit, pdu }) => `${transaction} ${hex(Uint8Array.of(unit, ...pdu))}`)),
      frames.map(({ transaction, body }) => `${transaction} ${hex(body)}`))
  }))
})

test('whatever comes, the decoder keeps less than one frame, or calls the stream broken', () => {
  const likely = fc.array(fc.oneof(fc.constantFrom(0, 0, 0, 1, 3, 4, 254, 255), fc.nat(255)), { maxLength: 600 }).map((list) => Uint8Array.from(list))
  fc.assert(fc.property(fc.array(likely, { maxLength: 10 }), (chunks) => {
    const decode = createMbapDecoder()
    let kept = 0
    for (const chunk of chunks) {
      const { frames, broken } = decode(chunk)
      if (broken !== null) return
      kept += chunk.length - frames.reduce((sum, { pdu }) => sum + pdu.length + 7, 0)
      assert.ok(kept >= 0 && kept < 260, `${kept} bytes kept`)
    }
  }), { numRuns: 500 })
})

test('the check sum by table is the one by the book', () => {
  assert.equal(crc16(Buffer.from('123456789')), 0x4b37)
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (some) => { assert.equal(crc16(some), slowCrc(some)) }))
})

test('an RTU answer is found amid noise, and only the right one', () => {
  const answer = rtuFrame(Uint8Array.of(17, 3, 6, 2, 43, 0, 0, 0, 100))
  const noise = fc.uint8Array({ maxLength: 60 })
  fc.assert(fc.property(noise, noise, (before, after) => {
    const found = findRtuAnswer(Buffer.concat([before, answer, after]), request)
    assert.equal(found && hex(found.pdu), '0306022b00000064')
    assert.equal(found?.strayBytes, before.length + after.length)
  }))
  // The echo of a half-duplex adapter, then the answer.
  assert.equal(hex(findRtuAnswer(Buffer.concat([rtuRequest(request), answer]), request)?.pdu ?? Buffer.alloc(0)), '0306022b00000064')
  assert.deepEqual([...findRtuAnswer(rtuFrame(Uint8Array.of(17, 0x83, 2)), request)?.pdu ?? []], [0x83, 2])
  for (const wrong of [
    rtuFrame(Uint8Array.of(18, 3, 6, 2, 43, 0, 0, 0, 100)), rtuFrame(Uint8Array.of(17, 4, 6, 2, 43, 0, 0, 0, 100)), rtuFrame(Uint8Array.of(17, 3, 4, 2, 43, 0, 0)),
    rtuFrame(Uint8Array.of(18, 0x83, 2)), rtuFrame(Uint8Array.of(17, 0x84, 2)), answer.subarray(0, -1), Buffer.alloc(0),
  ]) assert.equal(findRtuAnswer(wrong, request), null, hex(wrong))
})

test('one flipped bit and it is no answer', () => {
  const answer = rtuFrame(Uint8Array.of(17, 3, 6, 2, 43, 0, 0, 0, 100))
  for (let bit = 0; bit < 8 * answer.length; bit++) {
    const damaged = Buffer.from(answer)
    damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    assert.equal(findRtuAnswer(damaged, request), null, `bit ${bit}`)
  }
})
