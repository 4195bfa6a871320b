import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import type { DurableBuffer } from '../../edge/buffer/buffer.ts'

export interface BufferUnderTest {
  readonly buffer: DurableBuffer
  /** Closes it and opens what is on disk. */
  readonly reopen: () => Promise<DurableBuffer>
  readonly dispose: () => Promise<void>
}

const entry = (text: string, count = 1, us = 0) => ({ bytes: Buffer.from(text), count, mode: 'live' as const, gatewayUs: us, fromUs: us, toUs: us })
const texts = (buffer: DurableBuffer, after = 0) => buffer.readRaw(after, 1e9).map(({ bytes }) => Buffer.from(bytes ?? '').toString())

/** One suite for every buffer: what the port promises, whatever keeps the bytes. */
export function bufferContract(name: string, make: (options?: { capBytes?: number }) => Promise<BufferUnderTest>): void {
  async function using(options: { capBytes?: number } | undefined, body: (under: BufferUnderTest) => Promise<void>) {
    const under = await make(options)
    try {
      await body(under)
    } finally {
      await under.dispose()
    }
  }

  suite(`${name} keeps the promises of a durable buffer`, () => {
    test('entries come back as given, in order, after a reopening too', () => using(undefined, async ({ buffer, reopen }) => {
      await Promise.all([buffer.append([entry('a'), entry('b')]), buffer.append([entry('c')])])
      assert.deepEqual(texts(buffer), ['a', 'b', 'c'])
      const [first] = buffer.readRaw(0, 1)
      assert.ok(first)
      assert.deepEqual(texts(buffer, first.id), ['b', 'c'])
      const again = await reopen()
      assert.deepEqual(texts(again), ['a', 'b', 'c'])
      assert.equal(again.stats().rawRows, 3)
    }))

    test('the source position moves with the entries', () => using(undefined, async ({ buffer, reopen }) => {
      assert.equal(buffer.position('file'), undefined)
      await buffer.append([entry('a')], { position: { key: 'file', value: { row: 1 } } })
      assert.deepEqual((await reopen()).position('file'), { row: 1 })
    }))

    test('a raw entry leaves with its batch, a batch when it is removed', () => using(undefined, async ({ buffer, reopen }) => {
      await buffer.append([entry('a', 2), entry('b', 3)])
      const ids = buffer.readRaw(0, 1e9).map(({ id }) => id)
      const epoch = buffer.epoch
      await buffer.queueCut({ batches: [{ sequence: 1, kind: 'readings', count: 2, bytes: Buffer.from('A') }], rawIds: ids.slice(0, 1), state: { s: 1 } })
      assert.deepEqual(texts(buffer), ['b'])
      const again = await reopen()
      assert.deepEqual(texts(again), ['b'])
      assert.deepEqual(again.state, { s: 1 })
      assert.equal(again.nextSequence, 2)
      const [batch] = again.listBatches(0, 10)
      assert.ok(batch)
      assert.deepEqual({ ...batch, key: 0 }, { key: 0, epoch, sequence: 1, kind: 'readings', count: 2, byteLength: 1, fromUs: 0, toUs: 0 })
      assert.equal(Buffer.from(again.batchBytes(batch.key) ?? []).toString(), 'A')
      await again.removeBatches([batch.key])
      await again.removeBatches([batch.key])
      assert.equal(again.batchBytes(batch.key), undefined)
      const stats = again.stats()
      assert.deepEqual(
        [stats.rawEntries, stats.rawRows, stats.batches, stats.batchRows, stats.batchBytes, stats.appendedRows, stats.acknowledgedRows],
        [1, 3, 0, 0, 0, 5, 2],
      )
    }))

    test('the state kept is that of the cut, whatever its owner does to it before the next', () => using(undefined, async ({ buffer, reopen }) => {
      await buffer.append([entry('a'), entry('b')])
      const state = { seen: ['a'] }
      await buffer.queueCut({ batches: [], rawIds: [1], state })
      state.seen.push('b')
      await buffer.append([entry('c')])
      const again = await reopen()
      assert.deepEqual(again.state, { seen: ['a'] })
    }))

    test('a wrong sequence or a raw entry used twice is refused and changes nothing', () => using(undefined, async ({ buffer }) => {
      await buffer.append([entry('a')])
      const [first] = buffer.readRaw(0, 1e9)
      assert.ok(first)
      const cut = (sequence: number) => ({ batches: [{ sequence, kind: 'readings', count: 1, bytes: Buffer.from('A') }], rawIds: [first.id], state: null } as const)
      await assert.rejects(buffer.queueCut(cut(7)), { code: 'conflict' })
      await buffer.queueCut(cut(1))
      await assert.rejects(buffer.queueCut(cut(2)), { code: 'conflict' })
      assert.equal(buffer.listBatches(0, 10).length, 1)
      assert.equal(buffer.nextSequence, 2)
    }))

    test('the cap refuses the newest and gives way when a batch leaves', () => using({ capBytes: 100 }, async ({ buffer }) => {
      await buffer.append([entry('x'.repeat(90), 9)])
      await assert.rejects(buffer.append([entry('y'.repeat(20), 4)]), { code: 'too_large' })
      assert.equal(texts(buffer).length, 1)
      const room = buffer.waitForRoom(20)
      const [first] = buffer.readRaw(0, 1e9)
      assert.ok(first)
      await buffer.queueCut({ batches: [{ sequence: 1, kind: 'readings', count: 9, bytes: Buffer.from('z'.repeat(90)) }], rawIds: [first.id], state: null })
      await buffer.removeBatches([buffer.listBatches(0, 1)[0]?.key ?? -1])
      await room
      await buffer.append([entry('y'.repeat(20), 4)])
    }))

    test('waits end when something comes, and when aborted', () => using(undefined, async ({ buffer }) => {
      const abort = new AbortController()
      const aborted = buffer.waitForBatch(0, abort.signal)
      const raw = buffer.waitForRaw(0)
      await buffer.append([entry('a')])
      await raw
      await buffer.waitForRaw(0)
      abort.abort()
      await aborted
    }))

    test('what has left wakes nobody, after a reopening too', () => using(undefined, async ({ buffer, reopen }) => {
      await buffer.append([entry('a')])
      await buffer.queueCut({ batches: [{ sequence: 1, kind: 'readings', count: 1, bytes: Buffer.from('A') }], rawIds: [1], state: null })
      await buffer.removeBatches([1])
      const again = await reopen()
      let woken = 0
      const abort = new AbortController()
      const waits = [again.waitForRaw(0, abort.signal), again.waitForBatch(0, abort.signal)].map((wait) => wait.then(() => { woken++ }))
      for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve))
      assert.equal(woken, 0)
      abort.abort()
      await Promise.all(waits)
    }))

    test('an epoch is random, survives a reopening, and ends only when no raw entry waits', () => using(undefined, async ({ buffer, reopen }) => {
      assert.match(buffer.epoch, /^[0-9a-f]{16}$/)
      await buffer.append([entry('a')])
      await assert.rejects(buffer.beginEpoch(), { code: 'conflict' })
      const [first] = buffer.readRaw(0, 1e9)
      assert.ok(first)
      await buffer.queueCut({ batches: [{ sequence: 1, kind: 'readings', count: 1, bytes: Buffer.from('A') }], rawIds: [first.id], state: 'kept' })
      const before = buffer.epoch
      await buffer.beginEpoch({ key: 'job', value: 'two' })
      assert.notEqual(buffer.epoch, before)
      const again = await reopen()
      assert.equal(again.epoch, buffer.epoch)
      assert.equal(again.nextSequence, 1)
      assert.equal(again.state, undefined)
      assert.equal(again.position('job'), 'two')
      assert.equal(again.listBatches(0, 5)[0]?.epoch, before)
    }))

    test('documents are kept by digest', () => using(undefined, async ({ buffer, reopen }) => {
      await buffer.keepDocument('d1', { a: 1 })
      await buffer.keepDocument('d1', { a: 2 })
      assert.deepEqual((await reopen()).document('d1'), { a: 1 })
    }))

    test('under any mix of calls the counts equal what is there', async () => {
      const step = fc.oneof(
        fc.record({ do: fc.constant('append' as const), sizes: fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 4 }) }),
        fc.record({ do: fc.constant('cut' as const), take: fc.integer({ min: 1, max: 5 }) }),
        fc.record({ do: fc.constant('ack' as const) }),
        fc.record({ do: fc.constant('reopen' as const) }),
      )
      await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 15 }), (steps) => using({ capBytes: 300 }, async (under) => {
        let buffer = under.buffer
        for (const s of steps) {
          if (s.do === 'append') await buffer.append(s.sizes.map((n) => entry('e'.repeat(n), n))).catch(() => {})
          if (s.do === 'cut') {
            const rawIds = buffer.readRaw(0, 1e9).slice(0, s.take).map(({ id }) => id)
            if (rawIds.length) await buffer.queueCut({ batches: [{ sequence: buffer.nextSequence, kind: 'readings', count: 1, bytes: Buffer.from('bb') }], rawIds, state: null })
          }
          if (s.do === 'ack') await buffer.removeBatches(buffer.listBatches(0, 1).map(({ key }) => key))
          if (s.do === 'reopen') buffer = await under.reopen()
        }
        const stats = buffer.stats()
        const raw = buffer.readRaw(0, 1e9)
        const batches = buffer.listBatches(0, 1e6)
        assert.equal(stats.rawEntries, raw.length)
        assert.equal(stats.rawBytes, raw.reduce((sum, { bytes }) => sum + (bytes?.byteLength ?? 0), 0))
        assert.equal(stats.rawRows, stats.rawBytes)
        assert.equal(stats.batches, batches.length)
        assert.equal(stats.batchBytes, batches.length * 2)
        assert.ok(stats.rawBytes + stats.batchBytes <= 300 + 2 * steps.length)
      })), { numRuns: 25 })
    })
  })
}
