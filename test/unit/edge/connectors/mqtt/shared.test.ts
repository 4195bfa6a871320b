import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import mqttPacket from 'mqtt-packet'
import { pino } from 'pino'
import { createPublishGuard } from '../../../../../edge/connectors/mqtt/broker-stream.ts'
import { createProgress } from '../../../../../edge/connectors/progress.ts'
import { createRedeliveries, type KeptPrints, type Redeliveries } from '../../../../../edge/connectors/mqtt/redeliveries.ts'
import { createSuspects } from '../../../../../edge/connectors/suspects.ts'
import { effort } from '../../../../helpers/effort.ts'
import { arrivalOf } from '../../../../helpers/mqtt-arrival.ts'

suite('messages larger than anybody wants', () => {
  /** What comes out of the guard, fed in pieces. */
  async function guarded(bytes: Buffer, pieces: readonly number[], maxPayload = 1_024): Promise<Buffer> {
    const guard = createPublishGuard(maxPayload)
    const out: Buffer[] = []
    guard.on('data', (chunk: Buffer) => { out.push(chunk) })
    let at = 0
    for (const size of pieces) {
      guard.write(bytes.subarray(at, at + size))
      at += size
    }
    guard.end(bytes.subarray(at))
    await new Promise((resolve, reject) => { guard.once('end', resolve).once('error', reject) })
    return Buffer.concat(out)
  }
  const packet = fc.oneof(
    fc.record({ cmd: fc.constant('publish' as const), topic: fc.constantFrom('a', 'plant/pump-1'), payload: fc.nat(200_000).map((size) => Buffer.alloc(size, 'x')), qos: fc.constant(1 as const), messageId: fc.integer({ min: 1, max: 65_535 }), dup: fc.boolean(), retain: fc.boolean() }),
    fc.record({ cmd: fc.constant('suback' as const), messageId: fc.integer({ min: 1, max: 65_535 }), granted: fc.array(fc.constantFrom(0, 1), { minLength: 1, maxLength: 300 }) }),
    fc.constant({ cmd: 'pingresp' as const }),
  )
  test('are cut, all else passes as it is, however the stream is cut up', async () => {
    await fc.assert(fc.asyncProperty(fc.array(packet, { maxLength: 6 }), fc.array(fc.nat(3_000), { maxLength: 40 }), async (packets, pieces) => {
      const bytes = Buffer.concat(packets.map((one) => mqttPacket.generate(one as mqttPacket.Packet)))
      const parser = mqttPacket.parser()
      const came: mqttPacket.Packet[] = []
      parser.on('packet', (one) => { came.push(one) })
      const out = await guarded(bytes, pieces)
      parser.parse(out)
      assert.equal(came.length, packets.length)
      for (const [i, sent] of packets.entries()) {
        const got = came[i]
        assert.equal(got?.cmd, sent.cmd)
        if (sent.cmd !== 'publish' || got?.cmd !== 'publish') continue
        assert.deepEqual([got.topic, got.messageId, got.dup, got.retain], [sent.topic, sent.messageId, sent.dup, sent.retain])
        // Cut or not: what is up to the limit is whole, what is beyond it can be seen to be.
        if (sent.payload.length <= 1_024) assert.deepEqual(got.payload, sent.payload)
        else assert.ok(got.payload.length > 1_024 && got.payload.length <= 1_024 + 65_540)
      }
    }), { numRuns: effort(300) })
  })
  test('or a stream that is no MQTT end the connection', async () => {
    await assert.rejects(guarded(Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff, 1]), []), /no MQTT/)
  })
})

suite('messages that come again', () => {
  /** What a disk holds of them: pages, and which fingerprints count. */
  function diskOf(kept?: KeptPrints | readonly string[]) {
    const pages = new Map<number, readonly string[]>()
    const disk = {
      kept, pages, written: 0,
      open: (nowMs = () => 0) => createRedeliveries({ kept: disk.kept, page: (index) => pages.get(index) }, nowMs),
      keep(note: ReturnType<Redeliveries['note']>) {
        disk.kept = note.kept
        disk.written = 0
        for (const { index, prints } of note.pages) {
          pages.set(index, prints)
          disk.written += JSON.stringify(prints).length
        }
      },
    }
    return disk
  }
  test('are taken once, whatever is lost between disk and broker', () => {
    // A broker with a window of messages on their way; a gateway that is killed at any point, with what its disk holds.
    fc.assert(fc.property(fc.array(fc.record({ deliver: fc.integer({ min: 1, max: 20 }), acknowledged: fc.nat(20), text: fc.constantFrom('21.5', '21.6') }), { minLength: 1, maxLength: 40 }), (rounds) => {
      const disk = diskOf()
      let nextId = 1
      let onTheirWay: { id: number; text: string; sent: boolean; serial: number }[] = []
      let serial = 0
      const taken: number[] = []
      for (const { deliver, acknowledged, text } of rounds) {
        // Each round is a new connection of the same session.
        const redeliveries = disk.open()
        while (onTheirWay.length < deliver) onTheirWay.push({ id: (nextId++ % 65_535) + 1, text, sent: false, serial: serial++ })
        const batch = onTheirWay.slice(0, deliver)
        const arrivals = batch.map(({ id, text: payload, sent }) => arrivalOf('t', payload, { packetId: id, duplicate: sent }))
        const fresh = redeliveries.fresh(arrivals)
        taken.push(...batch.filter((_, i) => fresh.includes(arrivals[i] ?? arrivalOf('', ''))).map((one) => one.serial))
        disk.keep(redeliveries.note(fresh))
        for (const one of batch) one.sent = true
        onTheirWay = onTheirWay.slice(Math.min(acknowledged, batch.length))
      }
      assert.deepEqual(taken, Array.from({ length: taken.length }, (_, i) => i))
    }), { numRuns: effort(2_000) })
  })
  test('the last thousand are known after a restart, whatever was forgotten before, and a delivery writes little', () => {
    fc.assert(fc.property(fc.array(fc.record({ n: fc.integer({ min: 1, max: 150 }), then: fc.constantFrom('go on' as const, 'restart' as const, 'forget' as const, 'wait' as const) }), { minLength: 1, maxLength: 40 }), (steps) => {
      const disk = diskOf()
      let atMs = 0
      let redeliveries = disk.open(() => atMs)
      let next = 0
      let noted: number[] = []
      const arrival = (i: number) => arrivalOf('t', String(i), { packetId: i % 65_535, duplicate: true })
      for (const { n, then } of steps) {
        const numbers = Array.from({ length: n }, () => next++)
        disk.keep(redeliveries.note(numbers.map(arrival)))
        assert.ok(disk.written < 1_000 + 40 * n, `${disk.written} bytes for ${n}`)
        noted = [...noted, ...numbers].slice(-1_024)
        if (then === 'restart') redeliveries = disk.open(() => atMs)
        if (then === 'forget') {
          redeliveries.forget()
          noted = []
        }
        if (then === 'wait') atMs += 1_000
        assert.deepEqual(redeliveries.fresh(Array.from({ length: next }, (_, i) => arrival(i))).length, next - noted.length)
      }
    }), { numRuns: effort(60) })
  })
  test('what a former version kept is known, and goes into pages with the next delivery', () => {
    const old = diskOf()
    const arrivals = Array.from({ length: 300 }, (_, i) => arrivalOf('t', String(i), { packetId: i + 1, duplicate: true }))
    old.keep(old.open().note(arrivals))
    const disk = diskOf([...old.pages.values()].flat())
    const redeliveries = disk.open()
    assert.deepEqual(redeliveries.fresh(arrivals), [])
    disk.keep(redeliveries.note([arrivalOf('t', 'new', { packetId: 301 })]))
    assert.deepEqual(disk.open().fresh(arrivals), [])
  })
  test('the mark alone, the number alone or the text alone is no repetition', () => {
    const redeliveries = diskOf().open()
    const first = arrivalOf('t', 'a', { packetId: 5 })
    redeliveries.note([first])
    const known = (over: object) => redeliveries.fresh([{ ...first, ...over }]).length === 0
    assert.deepEqual([known({ duplicate: true }), known({}), known({ duplicate: true, packetId: 6 }), known({ duplicate: true, payload: Buffer.from('b') }), known({ duplicate: true, topic: 'u' })], [true, false, false, false, false])
    redeliveries.forget()
    assert.equal(known({ duplicate: true }), false)
  })
})

test('progress: the slowest of those that speak, less what may come late; never ahead of the clock', () => {
  const progress = createProgress(5)
  assert.equal(progress.throughUs(1_000, 0), undefined)
  progress.note('a', 900, 0)
  progress.note('b', 500, 0)
  assert.equal(progress.throughUs(1_000, 0), 495)
  progress.note('a', 100, 20_000)
  progress.note('b', 800, 20_000)
  assert.equal(progress.throughUs(1_000, 20_000), 795)
  progress.note('a', 950, 40_000)
  assert.equal(progress.throughUs(1_000, 60_000), 945, 'who is silent holds nobody up')
  progress.note('a', 5_000, 60_000)
  assert.equal(progress.throughUs(1_000, 60_000), 995)
  progress.note('c', 998, 60_000)
  assert.deepEqual([progress.missingFromUs(1_000, 60_000), progress.missingFromUs(1_000, 60_000, 'a'), progress.missingFromUs(1_000, 60_000, 'b'), createProgress(5).missingFromUs(9, 0)], [998, 1_000, 995, 9])
})

test('progress keeps no more keys than a plant can have: the longest silent are forgotten first', () => {
  const progress = createProgress(0)
  for (const key of ['silent', 'speaks']) progress.note(key, 100, 0)
  for (let i = 0; i < 50_000; i++) {
    progress.note(`topic/${i}`, 900, 0)
    progress.note('speaks', 200, 0)
  }
  assert.equal(progress.throughUs(1_000, 0), 200)
  assert.equal(progress.missingFromUs(1_000, 0, 'silent'), 1_000, 'nothing is known of it any more')
})

test('suspects: text as text, bytes in hex, little of either; settled by the next good one', () => {
  const suspects = createSuspects(pino({ level: 'silent' }), () => 0)
  suspects.note('a', Buffer.from(`{"°C": ${'é'.repeat(300)}`), 'no JSON')
  suspects.note('b', Uint8Array.of(0, 255, 1), 'no UTF-8 text')
  assert.match(suspects.describe() ?? '', /^messages that cannot be read: b: no UTF-8 text \(3 bytes: 00ff01\); a: no JSON \(608 bytes: \{"°C": é+\)$/)
  suspects.settle('a')
  suspects.settle('b')
  assert.equal(suspects.describe(), null)
  assert.deepEqual(suspects.kept.map(({ topic }) => topic), ['a', 'b'])
  for (let i = 0; i < 5_000; i++) suspects.note(`t${i}`, Buffer.alloc(1_000, 'x'), 'w'.repeat(1_000))
  assert.ok(suspects.kept.length === 10 && (suspects.describe() ?? '').length < 2_000)
})
