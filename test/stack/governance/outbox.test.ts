import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { pino } from 'pino'
import { drainOnce, type ChannelRule } from '../../../infra/keeper/relay.ts'
import { platformActor } from '../../../registry/domain/access/rights.ts'
import type { EventType } from '../../../registry/domain/contract/bus-event.ts'
import type { ServiceContext } from '../../../registry/services/context.ts'
import { createSite } from '../../../registry/services/create-site.ts'
import { createWebhook } from '../../../registry/services/create-webhook.ts'
import { announce, enqueue } from '../../../registry/store/outbox.ts'
import { forgetDelivered, nextDueSeconds, type QueuedMessage } from '../../../registry/store/outbox-queue.ts'
import { createPool, type Pool } from '../../../registry/store/pool.ts'
import { ALL_SITES, inSite } from '../../../registry/store/transaction.ts'
import { createMemoryObjectStore } from '../../helpers/memory-object-store.ts'
import { freshDatabase, useStack, type TestDatabase } from '../../helpers/stack.ts'

const log = pino({ level: 'silent' })
const admin = platformActor('test')

describe('the outbox', () => {
  let database: TestDatabase
  let pool: Pool
  before(async () => {
    database = await freshDatabase(await useStack())
    pool = createPool(database.url)
    const ctx: ServiceContext = { pool, objects: createMemoryObjectStore(), nowUs: () => Date.now() * 1000 }
    for (const [id, kind] of [['hamburg', 'plant'], ['play', 'simulation']] as const) await createSite(ctx, admin, { id, name: id, timeZone: 'UTC', kind })
    await createWebhook(ctx, admin, { site: 'hamburg', url: 'http://127.0.0.1:9/a', events: ['alert.*'] })
    await createWebhook(ctx, admin, { site: 'hamburg', url: 'http://127.0.0.1:9/b', events: ['gate.opened'] })
  })
  after(async () => {
    await pool?.end()
    await database?.drop()
  })

  const say = (id: string, type: EventType = 'alert.raised', site = 'hamburg', webhooks = true) =>
    inSite(pool, site, (tx) => announce(tx, { id, type, atUs: Date.now() * 1000, data: { n: id }, webhooks }))
  const rule = (channel: ChannelRule['channel'], deliver: (message: QueuedMessage) => Promise<void>, more: Partial<ChannelRule> = {}): ChannelRule =>
    ({ channel, deliver, atOnce: 100, leaseSeconds: 60, maxAttempts: 3, longestWaitSeconds: 0, ...more })
  const take = async (channel: ChannelRule['channel']) => {
    const got: QueuedMessage[] = []
    await drainOnce(pool, log, rule(channel, async (message) => { got.push(message) }))
    return got
  }

  it('announces once, to the bus and to those who asked for it at that site', async () => {
    await say('e1')
    await say('e1')
    await say('e2', 'gate.opened')
    await say('e3', 'policy.proposed')
    await say('e4', 'alert.raised', 'play')
    await say('e5', 'alert.raised', 'hamburg', false)
    const events = (await take('bus')).map((message) => (message.payload as { id: string }).id)
    assert.deepEqual(events, ['e1', 'e2', 'e3', 'e4', 'e5'])
    assert.deepEqual((await take('webhook')).map((message) => `${(message.payload as { id: string }).id}@${message.site}`), ['e1@hamburg', 'e2@hamburg'])
  })

  it('what a rolled back transaction announced was never there', async () => {
    await assert.rejects(inSite(pool, 'hamburg', async (tx) => {
      await announce(tx, { id: 'never', type: 'alert.raised', atUs: 0, data: {} })
      throw new Error('no')
    }))
    assert.deepEqual(await take('bus'), [])
  })

  it('tries again what failed, leaves the rest, and gives up with the last error', async () => {
    await say('good', 'drift.detected')
    await say('bad', 'drift.detected')
    let tries = 0
    const failing = rule('bus', async (message) => {
      if ((message.payload as { id: string }).id !== 'bad') return
      throw new Error(`try ${++tries}`)
    })
    assert.equal(await drainOnce(pool, log, failing), 2)
    while (await drainOnce(pool, log, failing) > 0);
    assert.equal(tries, 3)
    const { rows } = await inSite(pool, ALL_SITES, (tx) => tx.query<{ last_error: string; dead: boolean; attempts: number }>(
      "select last_error, dead_at is not null as dead, attempts from outbox where dedupe_key = 'bad'"))
    assert.deepEqual(rows, [{ last_error: 'try 3', dead: true, attempts: 3 }])
    assert.equal(await inSite(pool, ALL_SITES, (tx) => nextDueSeconds(tx, 'bus')), null)
  })

  it('two relays never deliver the same message side by side; one lost with its relay comes back', async () => {
    const start = (id: string) => inSite(pool, 'hamburg', (tx) => enqueue(tx, {
      channel: 'workflow', kind: 'start', target: id, payload: { type: 't', taskQueue: 'q', input: {} }, dedupeKey: id,
    }))
    for (let i = 0; i < 40; i++) await start(`w${i}`)
    const seen: string[] = []
    const relay = rule('workflow', async (message) => { seen.push(message.target ?? '') }, { atOnce: 3 })
    await Promise.all([1, 2, 3, 4].map(async () => { while (await drainOnce(pool, log, relay) > 0); }))
    assert.equal(seen.length, 40)
    assert.equal(new Set(seen).size, 40)

    await start('lost')
    const dies = rule('workflow', () => new Promise(() => undefined), { leaseSeconds: 0 })
    void drainOnce(pool, log, dies)
    const again: string[] = []
    while (again.length === 0) await drainOnce(pool, log, rule('workflow', async (message) => { again.push(message.target ?? '') }))
    assert.deepEqual(again, ['lost'])
  })

  it('forgets what was delivered long ago, and nothing else', async () => {
    assert.equal(await inSite(pool, ALL_SITES, (tx) => forgetDelivered(tx, 1)), 0)
    await inSite(pool, ALL_SITES, (tx) => tx.query("update outbox set dispatched_at = now() - interval '2 days' where dispatched_at is not null"))
    assert.ok(await inSite(pool, ALL_SITES, (tx) => forgetDelivered(tx, 1)) > 40)
    const { rows } = await inSite(pool, ALL_SITES, (tx) => tx.query<{ dedupe_key: string }>('select dedupe_key from outbox'))
    assert.deepEqual(rows.map((row) => row.dedupe_key), ['bad'])
  })
})
