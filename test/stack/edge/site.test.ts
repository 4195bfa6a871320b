import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { open } from 'lmdb'
import { qualityReasonsOf } from '../../../registry/domain/contract/quality.ts'
import type { Mode } from '../../../registry/domain/contract/batch.ts'
import { startBroker } from '../../helpers/broker.ts'
import { startReceiver, type Receiver } from '../../helpers/receiver.ts'
import { startReportDesk, type ReportDesk } from '../../helpers/report-desk.ts'
import { rampMachine, sitePlan, startSite } from '../../helpers/site-gateway.ts'

interface Stage {
  readonly directory: string
  readonly broker: Awaited<ReturnType<typeof startBroker>>
  readonly receiver: Receiver
  readonly desk: ReportDesk
}

async function stage(t: TestContext): Promise<Stage> {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'twinward-site-'))
  const broker = await startBroker()
  const receiver = await startReceiver(broker.connection, 'works', 'gw-1')
  const desk = await startReportDesk(broker.connection, 'works', 'gw-1')
  t.after(async () => {
    await receiver.close()
    await desk.close()
    await broker.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  return { directory, broker, receiver, desk }
}

interface Arrived { readonly tag: string; readonly value: number; readonly us: number; readonly quality: number; readonly mode: Mode; readonly sequence: number }

/** Every reading that arrived, in the order of shipping. */
function arrived({ batches }: Receiver): Arrived[] {
  return [...batches.values()].sort((a, b) => a.batch.header.sequence - b.batch.header.sequence).flatMap(({ batch }) => {
    if (batch.kind !== 'readings') return []
    const { tags, tag, value, sourceUs, quality } = batch.columns
    return Array.from(value, (x, i) => ({ tag: tags[tag[i] ?? -1] ?? '', value: x, us: sourceUs[i] ?? 0, quality: quality[i] ?? 0, mode: batch.header.mode, sequence: batch.header.sequence }))
  })
}
const good = (receiver: Receiver) => arrived(receiver).filter(({ value }) => Number.isFinite(value))

async function until(what: string, holds: () => boolean, timeoutMs = 30_000): Promise<void> {
  for (const endMs = performance.now() + timeoutMs; !holds();) {
    if (performance.now() > endMs) assert.fail(`waited in vain for ${what}`)
    await sleep(20)
  }
}

const TAGS = [{ address: 'a', tag: 'pump-1/a' }, { address: 'b', tag: 'pump-1/b' }]

test('a live gateway ships what its machine says, reports how it is, and gives its tag maps once', async (t) => {
  const { directory, broker, receiver, desk } = await stage(t)
  const machine = rampMachine(['a', 'b'], 10)
  const site = await startSite({ directory, mqtt: broker.connection, tags: TAGS, machine })
  await until('a hundred readings', () => good(receiver).length >= 100)
  await until('a few reports', () => desk.reports.length >= 3)
  machine.stop = true
  await until('an empty buffer', () => machine.atRest() && site.status().buffer.rows === 0)
  const values = good(receiver).filter(({ tag }) => tag === 'pump-1/a').map(({ value }) => value)
  assert.deepEqual(values, Array.from({ length: machine.rounds }, (_, i) => i))
  assert.equal(desk.mappings.size, 1)
  assert.ok(desk.reports.slice(2).every(({ mappings }) => mappings.length === 0))
  const { state, connectors, clock } = desk.reports.at(-1)?.status ?? assert.fail('no report')
  assert.deepEqual([state, connectors[0]?.state, clock.state], ['ok', 'ok', 'ok'])
  assert.ok(Math.abs(clock.skewUs ?? Infinity) < 2_000_000)
  await site.stop()
})

test('after an outage, live first: what comes now goes first, what waited goes behind as backfill, order is kept in each lane', async (t) => {
  const { directory, broker, receiver, desk } = await stage(t)
  const machine = rampMachine(['a'], 5)
  const site = await startSite({
    directory, mqtt: broker.connection, tags: TAGS.slice(0, 1), machine, plan: { outage: { first: 'live', lateAfterMs: 700 } }, options: { cut: { rows: 40, waitMs: 20, queued: 2 } },
  })
  await until('the first readings', () => good(receiver).length >= 50)
  await broker.crash()
  await sleep(2_500)
  const restarted = machine.rounds
  await broker.restart()
  await until('backfill', () => arrived(receiver).some(({ mode }) => mode === 'backfill'))
  await sleep(500)
  machine.stop = true
  await until('an empty buffer', () => machine.atRest() && site.status().buffer.rows === 0)
  const all = good(receiver)
  assert.deepEqual(all.map(({ value }) => value).sort((x, y) => x - y), Array.from({ length: machine.rounds }, (_, i) => i))
  for (const mode of ['live', 'backfill'] as const) {
    const lane = all.filter((reading) => reading.mode === mode).map(({ value }) => value)
    assert.ok(lane.length > 0)
    assert.deepEqual(lane, [...lane].sort((x, y) => x - y), `order within ${mode}`)
  }
  // Live readings newer than all that waited went out before that had ended. What comes later may be late, too, on a busy machine.
  const waited = all.filter(({ mode, value }) => mode === 'backfill' && value < restarted)
  const lastWaited = Math.max(...waited.map(({ sequence }) => sequence))
  const newest = Math.max(...waited.map(({ value }) => value))
  assert.ok(all.some(({ mode, value, sequence }) => mode === 'live' && value > newest && sequence < lastWaited))
  await until('the outage in the ledger, over and nothing lost', () => [...desk.gaps.values()].some(({ cause, toUs, lost }) => cause === 'wan' && toUs !== null && lost === 0))
  await site.stop()
})

for (const whenFull of ['reject-newest', 'drop-oldest', 'thin'] as const) {
  test(`a full buffer, ${whenFull}: source readings = readings that arrive + losses in the ledger, tag by tag`, async (t) => {
    const { directory, broker, receiver, desk } = await stage(t)
    const machine = rampMachine(['a', 'b'], 1, (round) => (round % 50 === 0 ? 1_000 + round : round % 7))
    await broker.crash()
    const site = await startSite({ directory, mqtt: broker.connection, tags: TAGS, machine, buffer: { capBytes: 200_000, whenFull } })
    await until('losses', () => site.status().buffer.lostRows > 400)
    machine.stop = true
    await sleep(100)
    await broker.restart()
    await until('an empty buffer', () => site.status().buffer.rows === 0)
    const lostOf = (tag: string) => [...desk.gaps.values()].filter((gap) => gap.cause === 'buffer_full' && gap.tag === tag).reduce((sum, { lost }) => sum + (lost ?? 0), 0)
    const came = (tag: string) => good(receiver).filter((reading) => reading.tag === tag)
    await until('every loss in the ledger', () => TAGS.every(({ address, tag }) => came(tag).length + lostOf(tag) === machine.taken.get(address)), 10_000)
      .catch(() => { assert.deepEqual(TAGS.map(({ tag }) => [tag, came(tag).length, lostOf(tag)]), TAGS.map(({ address, tag }) => [tag, came(tag).length, (machine.taken.get(address) ?? 0) - came(tag).length])) })
    const values = came('pump-1/a')
    const rounds = machine.rounds - 1
    if (whenFull === 'reject-newest') assert.ok(values.some(({ value }) => value === 1_000), 'the oldest is kept')
    // What has been cut already may be on its way: it stays. Of what waits behind it, the oldest goes.
    if (whenFull === 'drop-oldest') assert.ok(values.length < rounds && values.some(({ value }) => value >= 1_000 + rounds - 100), 'the newest are kept')
    if (whenFull === 'thin') assert.ok(values.some(({ value }) => value > 1_000), 'peaks are kept')
    assert.deepEqual(values.map(({ us }) => us), [...values.map(({ us }) => us)].sort((x, y) => x - y))
    await site.stop()
  })
}

test('aggregates ship, raw readings stay on the box, and the platform recalls a period of them', async (t) => {
  const { directory, broker, receiver, desk } = await stage(t)
  const machine = rampMachine(['a'], 5)
  const tags = [{ address: 'a', tag: 'pump-1/a-mean', ship: { aggregate: { everySeconds: 0.5, of: 'mean' as const } } }, { address: 'a', tag: 'pump-1/a', ship: { every: { seconds: 3600 } } }]
  const site = await startSite({ directory, mqtt: broker.connection, tags, machine, buffer: { keepRaw: { ageMs: 3_600_000, bytes: 16 << 20 } } })
  await until('three means', () => good(receiver).filter(({ tag }) => tag === 'pump-1/a-mean').length >= 3)
  const means = good(receiver).filter(({ tag }) => tag === 'pump-1/a-mean')
  assert.ok(good(receiver).filter(({ tag }) => tag === 'pump-1/a').length <= 2)
  const [fromUs, toUs] = [means[0]?.us ?? 0, means[2]?.us ?? 0]
  desk.commands = [{ id: 'recall-1', kind: 'recall', tags: ['pump-1/a'], fromUs, toUs }]
  await until('the recall to be done', () => desk.reports.at(-1)?.commands.some(({ id, state }) => id === 'recall-1' && state === 'done') === true || desk.commands.length === 0)
  const recalled = good(receiver).filter(({ tag, mode }) => tag === 'pump-1/a' && mode === 'backfill')
  assert.ok(recalled.length > 20, `${recalled.length} readings came back`)
  assert.ok(recalled.every(({ us }) => us >= fromUs && us <= toUs))
  const values = recalled.map(({ value }) => value)
  assert.deepEqual(values, Array.from(values, (_, i) => (values[0] ?? 0) + i), 'none is missing, none twice')
  await until('its outcome to be forgotten once it is known', () => desk.reports.at(-1)?.commands.length === 0)
  await site.stop()
})

test('around an event, what was before and after it ships from the raw store', async (t) => {
  const { directory, broker, receiver } = await stage(t)
  const machine = rampMachine(['a'], 5, (round) => (round === 300 ? 10_000 : round))
  const tags = [{ address: 'a', tag: 'pump-1/a', ship: { around: { above: 9_999, beforeSeconds: 0.2, afterSeconds: 0.2 } } }]
  const site = await startSite({ directory, mqtt: broker.connection, tags, machine, buffer: { keepRaw: { ageMs: 3_600_000, bytes: 16 << 20 } } })
  await until('the event', () => good(receiver).some(({ value }) => value === 10_000))
  await sleep(300)
  const values = good(receiver).map(({ value }) => value)
  assert.ok(values.includes(299) && values.includes(301))
  assert.ok(values.length < 200 && values.every((value) => value === 10_000 || (value > 200 && value < 400)), values.join())
  assert.ok(good(receiver).every(({ mode }) => mode === 'backfill'))
  await site.stop()
})

test('a machine that is lost is marked once, tried again, and its silence is a gap that ends', async (t) => {
  const { directory, broker, receiver, desk } = await stage(t)
  const machine = rampMachine(['a'], 10)
  const site = await startSite({ directory, mqtt: broker.connection, tags: [{ address: 'a', tag: 'pump-1/a', checks: { missingAfterSeconds: 1 } }], machine })
  await until('readings', () => good(receiver).length > 20)
  machine.broken = true
  await until('the silence', () => [...desk.gaps.values()].some(({ cause, tag, toUs }) => cause === 'source_silent' && tag === 'pump-1/a' && toUs === null))
  assert.match(site.status().problems.join(), /cable is cut; mend it/)
  machine.broken = false
  await until('its end', () => [...desk.gaps.values()].some(({ cause, toUs }) => cause === 'source_silent' && toUs !== null))
  const bad = arrived(receiver).filter(({ value }) => Number.isNaN(value))
  assert.equal(bad.length, 1)
  assert.deepEqual(qualityReasonsOf(bad[0]?.quality ?? 0), ['communication'])
  await until('good health', () => site.status().state === 'ok')
  await site.stop()
})

test('a plan with another tag restarts its source alone; another buffer is not taken over on the way', async (t) => {
  const { directory, broker, receiver } = await stage(t)
  const machine = rampMachine(['a', 'b'], 10)
  const first = { directory, mqtt: broker.connection, tags: TAGS, machine }
  const site = await startSite(first)
  await until('readings', () => good(receiver).length > 20)
  const more = sitePlan({ ...first, tags: [...TAGS, { address: 'a', tag: 'pump-1/a2', scale: 2 }] })
  assert.equal(await site.apply(more), true)
  await until('the new tag', () => good(receiver).some(({ tag }) => tag === 'pump-1/a2'))
  const twice = good(receiver).filter(({ tag }) => tag === 'pump-1/a2')
  assert.ok(twice.every(({ value }) => value % 2 === 0))
  assert.equal(await site.apply({ ...more, gateway: 'gw-2' }), false)
  await site.stop()
})

test('however much waits, no more than the bandwidth allows goes out', async (t) => {
  const { directory, broker, receiver } = await stage(t)
  const machine = rampMachine(['a', 'b'], 1)
  const offline = await startSite({ directory, mqtt: { ...broker.connection, url: 'mqtt://127.0.0.1:9' }, tags: TAGS, machine })
  await until('a thousand readings', () => offline.status().buffer.rows > 1_000)
  machine.stop = true
  await offline.stop()
  const bandwidth = 20_000
  const startedUs = Date.now() * 1000
  const site = await startSite({ directory, mqtt: broker.connection, tags: TAGS, machine, plan: { bandwidth }, options: { cut: { rows: 100, waitMs: 10 } } })
  await until('an empty buffer', () => site.status().buffer.rows === 0, 60_000)
  await site.stop()
  const batches = [...receiver.batches.values()].sort((a, b) => a.firstUs - b.firstUs)
  const largest = Math.max(...batches.map(({ byteLength }) => byteLength))
  let bytes = 0
  for (const { byteLength, firstUs } of batches) {
    bytes += byteLength
    assert.ok(bytes <= bandwidth * ((firstUs - startedUs) / 1e6) + 2 * largest, `${bytes} bytes within ${(firstUs - startedUs) / 1e6} s`)
  }
  assert.ok(bytes > 2 * largest)
})

test('the time between two runs is a gap, and a silence that the former run noted ends with it', async (t) => {
  const { directory, broker, desk } = await stage(t)
  const machine = rampMachine(['a'], 10)
  const first = { directory, mqtt: broker.connection, tags: [{ address: 'a', tag: 'pump-1/a', checks: { missingAfterSeconds: 0.5 } }], machine }
  const of = (cause: string) => [...desk.gaps.values()].filter((gap) => gap.cause === cause)
  const site = await startSite(first)
  await until('readings', () => site.status().counters['acknowledged'] !== 0)
  machine.mute = true
  await until('the silence', () => of('source_silent').some(({ toUs }) => toUs === null))
  await site.stop()
  machine.mute = false
  const again = await startSite(first)
  await until('the gap between', () => of('gateway_off').some(({ toUs, lost }) => toUs !== null && lost === null))
  await until('the end of the silence', () => of('source_silent').length > 0 && of('source_silent').every(({ toUs }) => toUs !== null))
  await again.stop()
})

test('a queued batch that the disk does not give back is counted and named as lost, and the ones behind it ship', async (t) => {
  const { directory, broker, receiver, desk } = await stage(t)
  const machine = rampMachine(['a'], 5)
  const first = { directory, mqtt: broker.connection, tags: TAGS.slice(0, 1), machine, options: { cut: { rows: 20, waitMs: 20, queued: 5 } } }
  const offline = await startSite({ ...first, mqtt: { ...broker.connection, url: 'mqtt://127.0.0.1:9' } })
  await until('readings behind a full queue of batches', () => offline.status().buffer.rows > 200)
  machine.stop = true
  await sleep(50)
  await offline.stop()
  const root = open({ path: path.join(directory, 'buffer.mdb'), noSubdir: true, maxDbs: 12 })
  const bytes = root.openDB<Buffer, number>('batch-bytes', { encoding: 'binary' })
  const heads = root.openDB<{ count: number; fromUs: number; toUs: number }, number>('batch-heads', { encoding: 'json' })
  const second = [...heads.getRange({ limit: 2 })].at(-1) ?? assert.fail('no batches wait')
  await bytes.put(second.key, Buffer.from(bytes.get(second.key) ?? []).fill(0, 100))
  await root.close()
  const site = await startSite(first)
  t.after(() => site.stop())
  await until('an empty buffer', () => site.status().buffer.rows === 0)
  const values = good(receiver).map(({ value }) => value)
  assert.equal(values.length, machine.rounds - second.value.count, 'all the others are there')
  assert.equal(site.status().buffer.lostRows, second.value.count)
  await until('the loss in the ledger', () => [...desk.gaps.values()].some(({ cause }) => cause === 'damaged'))
  const { lost, fromUs, toUs } = [...desk.gaps.values()].find(({ cause }) => cause === 'damaged') ?? assert.fail('no gap')
  assert.deepEqual([lost, fromUs, toUs], [second.value.count, second.value.fromUs, second.value.toUs])
})
