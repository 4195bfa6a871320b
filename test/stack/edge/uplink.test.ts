import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { suite, test } from 'node:test'
import { pino } from 'pino'
import { openLmdbBuffer } from '../../../edge/buffer/lmdb-buffer.ts'
import type { CutLimits } from '../../../edge/cut-limits.ts'
import { createGateway } from '../../../edge/gateway.ts'
import { openLink } from '../../../edge/mqtt-link.ts'
import { beginStream } from '../../../edge/stream.ts'
import type { UplinkTuning } from '../../../edge/uplink.ts'
import { hasMosquitto, startBroker, type TestBroker } from '../../helpers/broker.ts'
import { countingSource } from '../../helpers/counting-source.ts'
import { readingsOf, startReceiver, type Receiver } from '../../helpers/receiver.ts'

const TAGS = 10
const quick: Partial<UplinkTuning> = { acknowledgementTimeoutMs: 300, reconnectFirstMs: 30, reconnectMaxMs: 200, connectTimeoutMs: 2_000, window: 4 }
const small: Partial<CutLimits> = { rows: 500, waitMs: 50 }

/** What the counting source makes, as the receiver should have it. */
const indices = (receiver: Receiver) => readingsOf(receiver).map((line) => Number(line.split(' ')[2])).sort((a, b) => a - b)
const all = (rounds: number) => Array.from({ length: rounds * TAGS }, (_, i) => i)

interface Run {
  broker: TestBroker
  receiver: Receiver
  directory: string
  readonly run: (options?: { rounds?: number; capBytes?: number; signal?: AbortSignal }) => Promise<{
    epoch: string; resent: number; connections: number; quarantined: number; left: number
  }>
}

async function using(kind: 'aedes' | 'mosquitto' | undefined, body: (run: Run) => Promise<void>): Promise<void> {
  const broker = await startBroker(kind)
  const directory = mkdtempSync(path.join(os.tmpdir(), 'twinward-uplink-'))
  const receiver = await startReceiver(broker.connection, 'works', 'gw-1')
  try {
    await body({
      broker, receiver, directory,
      async run({ rounds = 500, capBytes, signal = AbortSignal.timeout(60_000) } = {}) {
        const buffer = await openLmdbBuffer({ directory, ...(capBytes !== undefined && { capBytes }) })
        const gateway = createGateway({
          site: 'works', gateway: 'gw-1', buffer, sources: [countingSource({ rounds, tags: TAGS })], mqtt: broker.connection,
          log: pino({ level: 'silent' }), cut: small, uplink: quick,
        })
        try {
          await gateway.run(signal)
          const { uplink, buffer: stats } = gateway.health()
          return { epoch: buffer.epoch, resent: uplink.resent, connections: uplink.connections, quarantined: uplink.acknowledged.quarantined, left: stats.rawEntries + stats.batches }
        } finally {
          await buffer.close()
        }
      },
    })
  } finally {
    await receiver.close()
    await broker.stop()
    rmSync(directory, { recursive: true })
  }
}

for (const kind of ['mosquitto', 'aedes'] as const) {
  suite(`the uplink over ${kind}`, { skip: kind === 'mosquitto' && !hasMosquitto() ? 'mosquitto is not installed' : false }, () => {
    test('ships every reading once, in order, and empties the buffer', () => using(kind, async ({ receiver, run }) => {
      const { epoch, resent, left } = await run()
      assert.deepEqual(indices(receiver), all(500))
      assert.equal(left, 0)
      assert.equal(resent, 0)
      const sequences = receiver.arrivals.map((key) => Number(key.split('/')[1]))
      assert.deepEqual(sequences, sequences.map((_, i) => i + 1))
      const headers = [...receiver.batches.values()].map(({ batch }) => batch.header)
      assert.ok(headers.every((header) => header.epoch === epoch && header.mode === 'live'))
      const marks = headers.map(({ completeThroughUs }) => completeThroughUs ?? -1)
      assert.deepEqual(marks, [...marks].sort((a, b) => a - b))
      assert.equal(marks.at(-1), 1_700_000_000_000_000 + 499 * 1_000_000)
    }))

    test('keeps several batches on their way while acknowledgements are slow', () => using(kind, async ({ receiver, run }) => {
      let open = 0
      let most = 0
      receiver.answer = (_key, arrival) => {
        if (arrival > 1) return 'stored'
        most = Math.max(most, ++open)
        setTimeout(() => { open-- }, 100)
        return { afterMs: 100 }
      }
      const { left } = await run()
      assert.deepEqual(indices(receiver), all(500))
      assert.equal(left, 0)
      assert.ok(most > 1 && most <= 4, `${most} on their way at once`)
    }))

    test('sends again what nobody acknowledged', () => using(kind, async ({ receiver, run }) => {
      receiver.answer = (key, arrival) => (arrival === 1 && Number(key.split('/')[1]) % 3 === 0 ? 'drop' : 'stored')
      const { resent, left } = await run()
      assert.deepEqual(indices(receiver), all(500))
      assert.equal(left, 0)
      assert.ok(resent >= 3)
    }))

    test('survives the broker\'s crash in the middle', () => using(kind, async ({ broker, receiver, run }) => {
      receiver.answer = () => ({ afterMs: 40 })
      const running = run()
      while (receiver.batches.size < 3) await new Promise((resolve) => setTimeout(resolve, 10))
      await broker.crash()
      await new Promise((resolve) => setTimeout(resolve, 200))
      await broker.restart()
      const { connections, left } = await running
      assert.deepEqual(indices(receiver), all(500))
      assert.equal(left, 0)
      assert.ok(connections > 1)
    }))
  })
}

test('a batch that the platform quarantines leaves the buffer too: its bytes are kept there', () => using(undefined, async ({ receiver, run }) => {
  receiver.answer = (key) => (key.endsWith('/2') ? 'quarantined' : 'stored')
  const { left, quarantined } = await run()
  assert.equal(left, 0)
  assert.equal(quarantined, 1)
  assert.deepEqual(indices(receiver), all(500))
}))

test('a batch whose header the platform cannot read is known by its digest, and does not stay for ever', () => using(undefined, async ({ receiver, run }) => {
  receiver.answer = (key) => (key.endsWith('/2') ? 'unreadable' : 'stored')
  const { left, quarantined, resent } = await run()
  assert.deepEqual({ left, quarantined, resent }, { left: 0, quarantined: 1, resent: 0 })
}))

test('a full buffer makes the source wait; nothing is refused or lost', () => using(undefined, async ({ receiver, run }) => {
  receiver.answer = () => ({ afterMs: 20 })
  const { left } = await run({ capBytes: 40_000 })
  assert.deepEqual(indices(receiver), all(500))
  assert.equal(left, 0)
}))

test('stopped and started again, it goes on in the same epoch; run again after the end, it sends nothing', () => using(undefined, async ({ receiver, run }) => {
  receiver.answer = () => ({ afterMs: 30 })
  const abort = new AbortController()
  const first = run({ signal: abort.signal })
  while (receiver.batches.size < 3) await new Promise((resolve) => setTimeout(resolve, 10))
  abort.abort()
  const { epoch, left } = await first
  assert.ok(left > 0)
  const again = await run()
  assert.equal(again.epoch, epoch)
  assert.deepEqual(indices(receiver), all(500))
  const arrivals = receiver.arrivals.length
  await run()
  assert.equal(receiver.arrivals.length, arrivals)
}))

test('batches of a new epoch are sent when all of the former one are acknowledged', () => using(undefined, async ({ receiver, directory, run }) => {
  receiver.answer = () => 'drop'
  const abort = new AbortController()
  const first = run({ rounds: 200, signal: abort.signal })
  while (receiver.batches.size < 3) await new Promise((resolve) => setTimeout(resolve, 10))
  abort.abort()
  const { epoch: former } = await first
  const buffer = await openLmdbBuffer({ directory })
  await beginStream(buffer, { site: 'works', gateway: 'gw-1', sources: [{ id: 'count', mode: 'live' }], key: 'another' })
  await buffer.close()

  const unanswered = new Set<string>()
  const early: string[] = []
  receiver.answer = (key) => {
    if (!key.startsWith(former)) {
      early.push(...unanswered)
      return 'stored'
    }
    // The others leave room in the window before the first one does.
    const afterMs = key.endsWith('/1') ? 200 : 20
    unanswered.add(key)
    setTimeout(() => { unanswered.delete(key) }, afterMs)
    return { afterMs }
  }
  const { epoch, left } = await run({ rounds: 400 })
  assert.notEqual(epoch, former)
  assert.equal(left, 0)
  assert.ok(receiver.arrivals.some((key) => key.startsWith(epoch)))
  assert.deepEqual(indices(receiver), all(400))
  assert.deepEqual(early, [])
}))

test('what is handed to a connection that has ended is dropped, not thrown: the buffer still has it', () => using(undefined, async ({ broker }) => {
  const open = (clientId: string) => openLink({ address: broker.connection, clientId, hear: { [`hear/${clientId}`]: () => {} }, connectTimeoutMs: 2_000, keepaliveSeconds: 5, signal: new AbortController().signal })
  const ended = await open('ended')
  await ended.end()
  ended.publish('anywhere', Buffer.from('late'))
  const cut = await open('cut')
  await broker.crash()
  cut.publish('anywhere', Buffer.from('late'))
  await cut.closed
  cut.publish('anywhere', Buffer.from('later'))
  await broker.restart()
}))
