import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import mqtt, { type MqttClient } from 'mqtt'
import pg from 'pg'
import { connectionsToEnv } from '../../../infra/config.ts'
import { topics } from '../../../registry/domain/contract/batch.ts'
import { busEventSchema, type BusEvent } from '../../../registry/domain/contract/bus-event.ts'
import { scoredEventSchema } from '../../../registry/domain/contract/scored-event.ts'
import { isoToMicros } from '../../../registry/domain/contract/time.ts'
import type { Decision } from '../../../registry/domain/policy/decide.ts'
import { acknowledgeAlert } from '../../../registry/services/acknowledge-alert.ts'
import { closeAlert } from '../../../registry/services/close-alert.ts'
import { announce } from '../../../registry/store/outbox.ts'
import { inSite } from '../../../registry/store/transaction.ts'
import { until } from '../../helpers/governance.ts'
import { admin, createJudgingSite, S, series, T0, type JudgingSite } from '../../helpers/judging.ts'
import { programArgs } from '../../helpers/own-program.ts'
import { freshNamespace, freshPrefix, useStack, type TestStack } from '../../helpers/stack.ts'

interface Received { readonly topic: string; readonly qos: number; readonly event: BusEvent; readonly rowThere: boolean }

/** What an event tells of, as a row to be found when it arrives. */
const ROWS: Record<string, (id: string) => [sql: string, value: string]> = {
  'window.scored': (id) => ['select 1 from score where score_id::text = $1', id.replace('score/', '')],
  'windows.scored': (id) => ['select 1 from feature_window where window_id::text = $1', id.replace('closing/', '')],
  'alert': (id) => ['select 1 from alert_event where alert_event_id::text = $1', id.replace('alert-event/', '')],
}
/** Of all other types: the event's own. */
const rowOfEvent = (id: string): [sql: string, value: string] => ['select 1 from outbox where dedupe_key = $1', id]

describe('events on the bus', () => {
  const site = freshPrefix()
  const received: Received[] = []
  const looks: Promise<unknown>[] = []
  let dataDir = ''
  let stack: TestStack
  let plant: JudgingSite
  let namespace: string
  let subscriber: MqttClient
  let rows: pg.Client
  let keeper: ChildProcess
  before(async () => {
    stack = await useStack()
    dataDir = await mkdtemp(path.join(tmpdir(), 'twinward-test-'))
    namespace = await freshNamespace(stack)
    plant = await createJudgingSite({ site })
    rows = new pg.Client({ connectionString: plant.database.adminUrl })
    await rows.connect()
    const { url, username, password } = stack.connections.mqtt
    subscriber = await mqtt.connectAsync(url, { ...(username !== undefined && { username }), ...(password !== undefined && { password }) })
    subscriber.on('message', (topic, payload, { qos }) => {
      const event = JSON.parse(payload.toString()) as BusEvent
      const [sql, value] = (ROWS[event.type] ?? ROWS[event.type.split('.')[0] ?? ''] ?? rowOfEvent)(event.id)
      // Looked up at once: a row that is not there yet was preceded by its event.
      looks.push(rows.query(sql, [value]).then(({ rowCount }) => { received.push({ topic, qos, event, rowThere: rowCount === 1 }) }))
    })
    await subscriber.subscribeAsync(topics.events(site, '#'), { qos: 1 })
    keeper = await startKeeper()
  })
  after(async () => {
    if (keeper) await kill(keeper)
    await subscriber?.endAsync()
    await rows?.end()
    await plant?.drop()
    await rm(dataDir, { recursive: true, force: true })
  })

  async function startKeeper(): Promise<ChildProcess> {
    const { database: { url, migrationUrl } } = plant
    const connections = { ...stack.connections, database: { url, migrationUrl }, temporal: { ...stack.connections.temporal, namespace } }
    const child = spawn(process.execPath, await programArgs('infra/bin/keeper.ts'), {
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'], LOG_LEVEL: 'silent', TWINWARD_DATA_DIR: dataDir, ...connectionsToEnv(connections) }, stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    })
    const [message] = await once(child, 'message') as [{ type: string }]
    assert.equal(message.type, 'ready')
    return child
  }

  async function kill(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
  }

  /** All that was put on the bus has left the outbox and is here. */
  const arrived = () => until('the bus is empty', async () => {
    const [open] = await plant.asOwner<{ n: string }>("select count(*) as n from outbox where channel = 'bus' and dispatched_at is null")
    const [sent] = await plant.asOwner<{ n: string }>("select count(*) as n from outbox where channel = 'bus'")
    await Promise.all(looks)
    return open!.n === '0' && new Set(received.map(({ event }) => event.id)).size >= Number(sent!.n)
  })
  const idsOf = (type: string) => received.filter(({ event }) => event.type === type).map(({ event }) => event.id).sort()

  it("brings a batch's scored events: exactly the news, once committed, as the contract says", async () => {
    await plant.assign(await plant.release())
    const vibration = (second: number) => (second >= 40 && second < 70 ? 9 : Math.sin(second))
    const first = await plant.commit({
      series: [series('pump-1/vibration', 0, 100, vibration), series('pump-1/temperature', 0, 100, (second) => 40 + Math.cos(second))], completeThroughUs: T0 + 100 * S,
    })
    await plant.close(first)
    await arrived()

    const scores = await plant.asOwner<{ score_id: string; score: number; confidence: number; window_end: Date; decision: Decision }>(
      'select score_id, score, confidence, window_end, decision from score order by window_end')
    const news = scores.filter(({ decision }) => decision.severity !== null || decision.retired.length > 0 || decision.rules.some(({ transition }) => transition !== undefined))
    assert.ok(news.length > 2 && news.length < scores.length, `${news.length} of ${scores.length} windows are news`)
    assert.deepEqual(idsOf('window.scored'), news.map(({ score_id }) => `score/${score_id}`).sort())
    for (const { topic, qos, event } of received) {
      assert.equal(qos, 1)
      assert.equal(topic, topics.events(site, event.type))
      assert.equal(busEventSchema.parse(event).site, site)
    }
    const events = received.filter(({ event }) => event.type === 'window.scored').map(({ event }) => scoredEventSchema.parse(event.data))
    for (const { score_id, score, confidence, window_end, decision } of news) {
      const event = events.find(({ id }) => id === score_id)!
      assert.deepEqual([event.score, event.confidence, event.severity], [score, confidence, decision.severity])
      assert.equal(isoToMicros(event.window.end), window_end.getTime() * 1000)
      assert.equal(event.rule?.id, 'wear')
    }
    const closings = received.filter(({ event }) => event.type === 'windows.scored').map(({ event }) => event.data as { windows: number; scores: number })
    assert.deepEqual(closings.map((closing) => [closing.windows, closing.scores]), [[scores.length, scores.length]])
  })

  it("brings an alert's events, each as its history has it", async () => {
    const [alert] = await plant.asOwner<{ alert_id: string }>('select alert_id from alert')
    await acknowledgeAlert(plant.ctx, admin, { site, alert: alert!.alert_id, note: 'on my way' })
    await closeAlert(plant.ctx, admin, { site, alert: alert!.alert_id, reason: 'greased' })
    await arrived()
    const history = await plant.asOwner<{ id: string; kind: string; alert_id: string }>("select 'alert-event/' || alert_event_id as id, kind, alert_id from alert_event order by alert_event_id")
    assert.deepEqual(history.map(({ kind }) => kind), ['raised', 'returned-to-normal', 'acknowledged', 'closed'])
    const events = received.filter(({ event }) => event.type.startsWith('alert.')).map(({ event }) => busEventSchema.parse(event))
    assert.deepEqual(events.map(({ id, type, data }) => ({ id, kind: type.replace('alert.', ''), alert_id: (data as { alert: string }).alert }))
      .sort((a, b) => a.id.localeCompare(b.id)), [...history].sort((a, b) => a.id.localeCompare(b.id)))
  })

  it('brings nothing of a transaction that was rolled back, and what committed late', async () => {
    const say = (id: string, hold: () => Promise<void> = async () => undefined) => inSite(plant.pool, site, async (tx) => {
      await announce(tx, { id, type: 'drift.detected', atUs: T0, data: {} })
      await hold()
    })
    await assert.rejects(say('test/undone', () => Promise.reject(new Error('undone'))), /undone/)
    let commitNow: () => void = () => undefined
    const slow = say('test/slow', () => new Promise<void>((resolve) => { commitNow = resolve }))
    await say('test/quick')
    await until('the quick one arrives', async () => idsOf('drift.detected').length > 0)
    assert.deepEqual(idsOf('drift.detected'), ['test/quick'])
    commitNow()
    await slow
    await arrived()
    assert.deepEqual(idsOf('drift.detected'), ['test/quick', 'test/slow'])
  })

  it('brings an event again, with the same id, when the keeper was killed before it could note the delivery', async () => {
    // Noting a delivery waits for a lock that the test holds, so that the kill falls between the two for certain.
    await plant.asOwner(`
      create function hold_note() returns trigger language plpgsql as $$ begin perform pg_advisory_xact_lock_shared(4711); return new; end $$;
      create trigger hold_note before update on outbox for each row when (new.dispatched_at is not null) execute function hold_note()`)
    await rows.query('select pg_advisory_lock(4711)')
    await inSite(plant.pool, site, (tx) => announce(tx, { id: 'test/again', type: 'drift.detected', atUs: T0, data: { value: 1 } }))
    await until('the event arrives', async () => idsOf('drift.detected').includes('test/again'))
    await kill(keeper)
    await rows.query('select pg_advisory_unlock(4711)')
    await plant.asOwner('drop trigger hold_note on outbox')
    const state = await plant.asOwner<{ open: boolean }>("select dispatched_at is null as open from outbox where dedupe_key = 'test/again'")
    assert.deepEqual(state, [{ open: true }])
    // The dead keeper's lease lasts a minute; here it is over.
    await plant.asOwner("update outbox set next_attempt_at = now() where dispatched_at is null")
    keeper = await startKeeper()
    await until('it arrives again', async () => idsOf('drift.detected').filter((id) => id === 'test/again').length === 2)
    await arrived()
    const [first, second] = received.filter(({ event }) => event.id === 'test/again')
    assert.deepEqual(second!.event, first!.event)
    assert.equal(received.length, new Set(received.map(({ event }) => event.id)).size + 1, 'all others came once')
  })

  it('never brings an event before its committed row', () => {
    assert.ok(received.length > 10)
    assert.deepEqual(received.filter(({ rowThere }) => !rowThere), [])
  })
})
