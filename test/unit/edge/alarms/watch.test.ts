import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import { createAlarmBook, type AlarmBook } from '../../../../edge/alarms/alarm-book.ts'
import type { AlarmRule } from '../../../../edge/alarms/rule.ts'
import { createAlarmWatch, type AlarmWatch } from '../../../../edge/alarms/watch.ts'
import type { DurableBuffer } from '../../../../edge/buffer/buffer.ts'
import { openLmdbBuffer } from '../../../../edge/buffer/lmdb-buffer.ts'
import { packReadings } from '../../../../edge/connectors/blocks.ts'
import { tagMapSchema } from '../../../../edge/tag-map.ts'
import type { LocalAlarm } from '../../../../registry/domain/contract/local-alarm.ts'
import { BAD } from '../../../../registry/domain/contract/quality.ts'
import { DomainError } from '../../../../registry/domain/errors.ts'

const S = 1_000_000
const map = tagMapSchema.parse({ version: 1, tags: [
  { address: '1', tag: 'pump-1/temp', unit: '[degF]', canonicalUnit: 'Cel' }, { address: '2', tag: 'pump-1/speed', unit: '/min', canonicalUnit: '/min' },
] })
const hot: AlarmRule = {
  asset: 'pump-1', name: 'hot', when: { kind: 'range', tag: 'pump-1/temp', above: 90, below: null, deadband: 5 }, onDelayUs: 0, offDelayUs: 0, severity: 'high', message: 'hot', recommendedAction: 'Stop it.',
}
const running: AlarmRule = { ...hot, name: 'runs-hot', when: { kind: 'all', of: [hot.when, { kind: 'range', tag: 'pump-1/speed', above: 100, below: null, deadband: 0 }] }, onDelayUs: 10 * S }
const silent: AlarmRule = { ...hot, name: 'silent', when: { kind: 'missing', tag: 'pump-1/temp', afterUs: 30 * S } }

/** What was to be written is, and who waited for it has been told. */
const settle = async (buffer: DurableBuffer): Promise<void> => {
  await buffer.write([])
  await new Promise(setImmediate)
}

interface Desk {
  readonly buffer: DurableBuffer
  book: AlarmBook
  watch: AlarmWatch
  nowUs: number
  readonly told: LocalAlarm[]
  readonly disk: unknown[]
  /** A start of the gateway, with these rules. */
  start(rules: readonly AlarmRule[], listeners?: readonly string[]): void
  /** °F at an address, at a second. */
  say(address: string, raw: number, second: number, quality?: number): Promise<void>
}

async function desk(t: TestContext, rules: readonly AlarmRule[]): Promise<Desk> {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'twinward-alarms-'))
  const buffer = await openLmdbBuffer({ directory })
  t.after(async () => {
    await buffer.close()
    rmSync(directory, { recursive: true, force: true })
  })
  const made = { buffer, nowUs: 1000 * S, told: [] as LocalAlarm[], disk: [] as unknown[] } as unknown as Desk
  made.start = (of, listeners = ['platform']) => {
    const nowUs = () => made.nowUs
    made.book = createAlarmBook({ buffer, nowUs, keepUs: 3600 * S, listeners, onChange: (alarm) => { made.told.push(alarm) }, onDisk: (problem) => { made.disk.push(problem) } })
    made.watch = createAlarmWatch({ rules: of, book: made.book, nowUs, onError: (error) => { throw error } })
    made.watch.follow('plc', map)
  }
  made.say = async (address, raw, second, quality = 0) => {
    made.nowUs = second * S + 10_000
    made.watch.see('plc', 'live', [packReadings([{ address, sourceUs: second * S, raw, quality }])])
    await settle(buffer)
  }
  made.start(rules)
  return made
}
const states = ({ told }: Desk) => told.map(({ rule, state, revision }) => `${rule} ${state} ${revision}`)

test('a reading beyond the limit raises an alarm in the canonical unit, with its numbers; back by the deadband it is cleared', async (t) => {
  const on = await desk(t, [hot])
  await on.say('1', 193, 1001)
  assert.deepEqual(states(on), [])
  await on.say('1', 203, 1002)
  const [alarm] = on.told
  assert.ok(alarm)
  const rounded = alarm.numbers.map((number) => ({ ...number, value: Math.round((number.value ?? NaN) * 1e9) / 1e9 }))
  assert.deepEqual({ ...alarm, id: 'x', numbers: rounded }, {
    id: 'x', revision: 1, asset: 'pump-1', rule: 'hot', severity: 'high', message: 'hot', recommendedAction: 'Stop it.', state: 'active', sinceUs: 1002 * S, raisedUs: 1002 * S + 10_000,
    clearedUs: null, because: null, numbers: [{ tag: 'pump-1/temp', what: 'above', value: 95, limit: 90, unit: 'Cel' }], judgement: null, acknowledged: null,
  })
  await on.say('1', 190, 1003)
  await on.say('1', 212, 1002.5)
  await on.say('1', 184, 1004)
  assert.deepEqual(states(on), ['hot active 1', 'hot cleared 2'], 'what comes late raises nothing again')
  assert.equal(on.told[1]?.clearedUs, 1004 * S)
  on.watch.see('plc', 'backfill', [packReadings([{ address: '1', sourceUs: 2000 * S, raw: 300, quality: 0 }])])
  assert.equal(on.told.length, 2, 'what a machine remembered of an outage calls nobody')
})

test('a pattern over tags waits for its on-delay, by readings or by the clock, and a bad tag is no knowledge', async (t) => {
  const on = await desk(t, [running])
  await on.say('1', 230, 1001)
  await on.say('2', 1500, 1002)
  await on.say('1', 230, 1011)
  assert.deepEqual(states(on), [], 'nine seconds')
  await on.say('2', 0, 1011, BAD)
  on.nowUs = 1050 * S
  on.watch.tick()
  assert.deepEqual(states(on), [], 'nobody knows whether it runs')
  await on.say('2', 1500, 1060)
  await settle(on.buffer)
  assert.deepEqual(on.told.map(({ rule, sinceUs, numbers }) => [rule, sinceUs, numbers.map(({ tag }) => tag)]), [['runs-hot', 1002 * S, ['pump-1/temp', 'pump-1/speed']]])
})

test('missing tells itself, and a rule that is gone is over', async (t) => {
  const on = await desk(t, [silent])
  on.nowUs += 30 * S
  on.watch.tick()
  assert.deepEqual(states(on), [])
  on.nowUs += S
  on.watch.tick()
  await settle(on.buffer)
  assert.deepEqual(on.told.map(({ numbers }) => numbers[0]), [{ tag: 'pump-1/temp', what: 'missing', value: 31, limit: 30, unit: 's' }])
  on.start([hot])
  await settle(on.buffer)
  assert.deepEqual(on.told.map(({ state, because }) => [state, because]), [['active', null], ['cleared', 'rule-gone']])
})

test('an alarm stands over a restart, is not raised twice, and keeps who acknowledged it', async (t) => {
  const on = await desk(t, [hot])
  await on.say('1', 203, 1002)
  const id = on.told[0]?.id ?? ''
  await on.book.acknowledge(id, 'otto', 'on my way')
  await on.book.acknowledge(id, 'olga', 'me too')
  on.start([hot])
  await on.say('1', 205, 1003)
  await on.say('1', 180, 1004)
  assert.deepEqual(states(on), ['hot active 1', 'hot active 2', 'hot cleared 3'])
  assert.deepEqual(on.told.map(({ id: each, acknowledged }) => [each, acknowledged?.by]), [[id, undefined], [id, 'otto'], [id, 'otto']])
  await assert.rejects(on.book.acknowledge('gone', 'otto', null), { code: 'not_found' })
})

test('each listener confirms for itself; one that is new hears of what stands, not of what was', async (t) => {
  const on = await desk(t, [hot])
  await on.say('1', 203, 1002)
  await on.say('1', 180, 1003)
  await on.say('1', 203, 1004)
  const [over, stands] = on.book.untold('platform', 10)
  await on.book.confirm('platform', [{ id: over!.id, revision: 1 }])
  assert.deepEqual(on.book.untold('platform', 10).map(({ id, revision }) => [id, revision]), [[over!.id, 2], [stands!.id, 1]], 'an old revision confirms no newer one')
  on.start([hot], ['platform', 'horn'])
  assert.deepEqual(on.book.untold('horn', 10).map(({ id }) => id), [stands!.id])
  assert.equal(on.book.untold('platform', 10).length, 2)
  await on.book.confirm('horn', [stands!])
  on.start([hot], ['platform', 'horn'])
  assert.deepEqual(on.book.untold('horn', 10), [])
})

test('a disk that takes nothing keeps nobody from hearing it, and it is written once the disk does', async (t) => {
  const on = await desk(t, [hot])
  let full = true
  const write = on.buffer.write.bind(on.buffer)
  on.buffer.write = (records) => (full ? Promise.reject(new DomainError('unavailable', 'the disk is full; make room')) : write(records))
  on.start([hot])
  on.watch.see('plc', 'live', [packReadings([{ address: '1', sourceUs: 1001 * S, raw: 203, quality: 0 }])])
  await new Promise(setImmediate)
  assert.deepEqual(states(on), ['hot active 1'])
  assert.equal(on.disk.length, 1)
  full = false
  await on.book.care()
  on.start([hot])
  assert.equal(on.book.standing(hot)?.id, on.told[0]?.id)
})

test('what is over and old leaves the box, whatever stands stays', async (t) => {
  const on = await desk(t, [hot])
  await on.say('1', 203, 1002)
  await on.say('1', 180, 1003)
  await on.say('1', 203, 1004)
  on.nowUs += 3600 * S
  await on.book.care()
  assert.deepEqual(on.book.list(10).map(({ state }) => state), ['active'])
  on.start([hot])
  assert.equal(on.book.list(10).length, 1)
})
