import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { generate, type Packet } from 'mqtt-packet'
import { createFrames } from '../../../../infra/door/frames.ts'

const topic = fc.stringMatching(/^[a-zäß0-9/]{1,40}$/)
const messageId = fc.integer({ min: 1, max: 65535 })
const packet: fc.Arbitrary<Packet> = fc.oneof(
  fc.record({ cmd: fc.constant('publish' as const), topic, qos: fc.constant(1 as const), dup: fc.boolean(), retain: fc.constant(false), messageId, payload: fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes)) }),
  fc.record({ cmd: fc.constant('subscribe' as const), messageId, subscriptions: fc.array(fc.record({ topic, qos: fc.constantFrom(0 as const, 1 as const) }), { minLength: 1, maxLength: 3 }) }),
  fc.record({ cmd: fc.constant('puback' as const), messageId }),
  fc.constant<Packet>({ cmd: 'pingreq' }),
  fc.record({ cmd: fc.constant('connect' as const), protocolId: fc.constant('MQTT' as const), protocolVersion: fc.constant(4 as const), clean: fc.constant(true), clientId: topic, keepalive: fc.nat(100) }),
)

/** What came out, packet by packet, however the bytes were cut. */
function read(bytes: Buffer, cuts: readonly number[], limits = { packet: 4_096, publish: 4_096, topic: 256 }): { out: string[]; topics: string[]; types: number[] } {
  const out: Buffer[] = []
  const topics: string[] = []
  const types: number[] = []
  const frames = createFrames({
    packet(type, whole) {
      types.push(type)
      out.push(Buffer.from(whole))
    },
    publish(name) {
      topics.push(name)
      types.push(3)
      out.push(Buffer.alloc(0))
    },
    body(part) { out.push(Buffer.concat([out.pop() ?? Buffer.alloc(0), part])) },
  }, limits)
  const ends = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b)
  for (const [at, end] of [...ends, bytes.length].entries()) frames.read(bytes.subarray(at === 0 ? 0 : ends[at - 1], end))
  return { out: out.map((one) => one.toString('hex')), topics, types }
}

test('however a stream is cut, each packet comes out once, whole and in order, and of a PUBLISH its topic before its bytes', () => {
  fc.assert(fc.property(fc.array(packet, { minLength: 1, maxLength: 12 }), fc.array(fc.nat(), { maxLength: 20 }), (packets, cuts) => {
    const wire = packets.map((one) => generate(one))
    const { out, topics, types } = read(Buffer.concat(wire), cuts)
    assert.deepEqual(out, wire.map((one) => one.toString('hex')))
    assert.deepEqual(topics, packets.flatMap((one) => (one.cmd === 'publish' ? [one.topic] : [])))
    assert.deepEqual(types, wire.map((one) => (one[0] ?? 0) >> 4))
  }))
})

test('of a message only its head is ever waited for: the rest passes as it comes', () => {
  const wire = generate({ cmd: 'publish', topic: 'a/b', qos: 1, dup: false, retain: false, messageId: 7, payload: Buffer.alloc(100_000) })
  let passed = 0
  const frames = createFrames({ packet() {}, publish() {}, body(part) { passed += part.length } }, { packet: 100, publish: 200_000, topic: 100 })
  frames.read(wire.subarray(0, 50_000))
  assert.equal(passed, 50_000)
})

test('what is no MQTT, or over a limit, ends there', () => {
  const publish = generate({ cmd: 'publish', topic: 'a'.repeat(300), qos: 0, dup: false, retain: false, payload: 'x' })
  assert.throws(() => read(publish, []), /a topic of 300 bytes/)
  assert.throws(() => read(generate({ cmd: 'publish', topic: 'a', qos: 0, dup: false, retain: false, payload: Buffer.alloc(5_000) }), []), /over the limit/)
  assert.throws(() => read(Buffer.from([0x10, 0xff, 0xff, 0xff, 0xff, 0xff]), []), /no MQTT/)
  assert.throws(() => read(Buffer.from([0x10, 0xff, 0xff, 0x7f]), []), /over the limit/)
  assert.throws(() => read(Buffer.from([0x30, 0x01, 0x00]), []), /without a topic/)
  assert.throws(() => read(Buffer.from([0x30, 0x04, 0x00, 0x09, 0x61, 0x61]), []), /topic of 9 bytes/)
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), fc.array(fc.nat(), { maxLength: 5 }), (noise, cuts) => {
    try {
      read(Buffer.from(noise), cuts)
    } catch (error) {
      assert.match((error as Error).message, /MQTT|limit|topic/)
    }
  }))
})
