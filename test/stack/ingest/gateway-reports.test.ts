import assert from 'node:assert/strict'
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, it } from 'node:test'
import { connectAsync } from 'mqtt'
import { pino } from 'pino'
import { createLanding, type Landing } from '../../../infra/landing.ts'
import { tsxArgs } from '../../../infra/node-child.ts'
import { platformActor } from '../../../registry/domain/access/rights.ts'
import { canonicalDigest } from '../../../registry/domain/canonical.ts'
import { topics } from '../../../registry/domain/contract/batch.ts'
import { gatewayReplySchema, gatewayReportExample, type Gap, type GatewayReply, type GatewayReport } from '../../../registry/domain/contract/gateway-report.ts'
import { microsToIso } from '../../../registry/domain/contract/time.ts'
import { MOST_REPORT_BYTES } from '../../../registry/domain/contract/read-report.ts'
import { DomainError } from '../../../registry/domain/errors.ts'
import { getGateway, listGateways, listMappings } from '../../../registry/services/read/gateways.ts'
import { listGaps, type GapFilter } from '../../../registry/services/read/gaps.ts'
import { getTwin } from '../../../registry/services/read/twins.ts'
import { listRecalls, recallReadings } from '../../../registry/services/recall-readings.ts'
import { createIngestPlant, readingsBatch, S, T0, type IngestPlant } from '../../helpers/ingest-plant.ts'
import { freshPrefix, useStack } from '../../helpers/stack.ts'

const ACTOR = platformActor('test')

interface Scene {
  readonly plant: IngestPlant
  readonly gateway: string
  readonly landing: () => Landing
  readonly replies: GatewayReply[]
  /** Counted from the start: a reply to the newest report. */
  readonly send: (report: Partial<GatewayReport> & Record<string, unknown>) => Promise<GatewayReply>
  readonly publish: (payload: Buffer | string, topic?: string) => Promise<void>
  readonly until: (what: () => boolean | Promise<boolean>) => Promise<void>
  readonly gaps: (filter?: GapFilter) => Promise<string[]>
}

/** A plant whose gateway reports over the real broker to a real landing, past API and edge. */
const using = (body: (scene: Scene) => Promise<void>) => async (): Promise<void> => {
  const { mqtt } = (await useStack()).connections
  const plant = await createIngestPlant()
  const gateway = freshPrefix()
  const client = await connectAsync(mqtt.url, { username: mqtt.username ?? '', password: mqtt.password ?? '', clientId: freshPrefix(), protocolVersion: 4 })
  const replies: GatewayReply[] = []
  client.on('message', (topic, payload) => { if (topic.endsWith('/replies')) replies.push(gatewayReplySchema.parse(JSON.parse(payload.toString()))) })
  await client.subscribeAsync(topics.reply(plant.site, gateway), { qos: 1 })
  const landing = createLanding({
    ctx: plant.ctx, mqtt, log: pino({ level: 'silent' }), clientId: freshPrefix(), filters: [topics.batch(plant.site, gateway)], reportFilters: [topics.report(plant.site, gateway)],
  })
  let sentUs = T0
  const until = async (what: () => boolean | Promise<boolean>) => {
    for (let tries = 0; !await what(); tries++) {
      assert.ok(tries < 400, `waited in vain: ${String(what)}`)
      await sleep(25)
    }
  }
  const publish = async (payload: Buffer | string, topic = topics.report(plant.site, gateway)) => { await client.publishAsync(topic, payload, { qos: 1 }) }
  try {
    await landing.start()
    await body({
      plant, gateway, landing: () => landing, replies, until, publish,
      async send(report) {
        const before = replies.length
        await publish(JSON.stringify({ ...gatewayReportExample, site: plant.site, gateway, sentUs: sentUs += S, gaps: [], ...report }))
        await until(() => replies.length > before)
        return replies.at(-1) as GatewayReply
      },
      gaps: async (filter = {}) => (await listGaps(plant.ctx, ACTOR, { site: plant.site, limit: 100, ...filter })).items
        .map(({ id, cause, tag, from, to, lost }) => [id, cause, tag ?? '-', (Date.parse(from) * 1000 - T0) / S, to === null ? 'open' : (Date.parse(to) * 1000 - T0) / S, lost ?? '?'].join(' ')),
    })
  } finally {
    await landing.stop()
    await client.endAsync(true)
    await plant.drop()
  }
}

const gap = (given: Partial<Gap> = {}): Gap => ({
  id: 'g-1', revision: 1, cause: 'source_silent', tag: 'p/a', source: 'plc-7', fromUs: T0, toUs: null, lost: null, detail: null, ...given,
})
const refused = (code: string) => (error: unknown): boolean => error instanceof DomainError && error.code === code

describe('what gateways report', () => {
  it('opens, extends and closes a gap in ledger and twin, whatever is told twice or late', using(async ({ plant, gateway, send, gaps }) => {
    // The plant's tags name no gateway: that this one feeds the pump is known from its batches.
    await plant.land(readingsBatch([{ tag: 'p/a', sourceUs: T0, value: 1 }], { gateway }), { gateway })
    await plant.store({ gateway })
    const open = gap()
    const wan = gap({ id: 'g-2', cause: 'wan', tag: null, source: null, fromUs: T0 + 60 * S, lost: 0 })
    assert.deepEqual((await send({ gaps: [open, wan] })).gaps, [{ id: 'g-1', revision: 1 }, { id: 'g-2', revision: 1 }])
    assert.deepEqual(await gaps({ asset: 'p' }), ['g-2 wan - 60 open 0', 'g-1 source_silent p/a 0 open ?'])
    const twinGaps = async () => (await getTwin(plant.ctx, ACTOR, { site: plant.site, asset: 'p' })).gaps.map(({ id, to }) => `${id} ${to === null ? 'open' : 'ended'}`)
    assert.deepEqual(await twinGaps(), ['g-2 open', 'g-1 open'])

    const longer = gap({ revision: 2, fromUs: T0 - 10 * S })
    const ended = gap({ revision: 3, fromUs: T0 - 10 * S, toUs: T0 + 30 * S, lost: 40 })
    await send({ gaps: [longer] })
    assert.deepEqual(await gaps({ tag: 'p/a', open: true }), ['g-2 wan - 60 open 0', 'g-1 source_silent p/a -10 open ?'])
    // One report may even tell a gap twice; and older news come after newer.
    assert.deepEqual((await send({ gaps: [ended, longer] })).gaps.length, 2)
    const there = await plant.rows('select * from gap order by gap_id')
    for (const again of [open, longer, { ...ended, lost: 7 }]) assert.equal((await send({ gaps: [again] })).problem, null)
    assert.deepEqual(await plant.rows('select * from gap order by gap_id'), there)
    assert.deepEqual(await gaps({ cause: 'source_silent' }), ['g-1 source_silent p/a -10 30 40'])
    assert.deepEqual(await gaps({ asset: 'p', fromUs: T0 + 31 * S, toUs: T0 + 60 * S }), [])
    assert.deepEqual(await gaps({ asset: 'p', fromUs: T0 + 30 * S, toUs: T0 + 31 * S }), ['g-1 source_silent p/a -10 30 40'])
    assert.deepEqual(await gaps({ tag: 'p/b' }), ['g-2 wan - 60 open 0'])
    assert.deepEqual(await twinGaps(), ['g-2 open', 'g-1 ended'])
    const pages = [await listGaps(plant.ctx, ACTOR, { site: plant.site, limit: 1 })]
    pages.push(await listGaps(plant.ctx, ACTOR, { site: plant.site, limit: 1, cursor: pages[0]?.nextCursor ?? '' }))
    assert.deepEqual(pages.map(({ items, nextCursor }) => [items[0]?.id, nextCursor === null]), [['g-2', false], ['g-1', true]])
  }))

  it('shows rows that the platform set aside in the same ledger, by tag and once', using(async ({ plant, gateway, send, gaps }) => {
    const late = T0 + 7200 * S
    await plant.land(readingsBatch([{ tag: 'p/a', sourceUs: T0, value: 1 }, { tag: 'p/a', sourceUs: late, value: 2 }, { tag: 'p/new', sourceUs: T0, value: 2 }], { gateway }), { gateway })
    await plant.store({ gateway })
    await send({ gaps: [gap({ cause: 'quarantined', tag: null, source: null, toUs: T0, lost: 3 })] })
    assert.deepEqual((await gaps()).map((line) => line.replace(/^quarantine-\d+/, 'q')), ['q quarantined p/a 7200 7200 1', 'q quarantined p/new 0 0 1'])
    assert.equal((await gaps({ tag: 'p/new' })).length, 1)
  }))

  it('keeps the newest status, and says who is degraded by its clock', using(async ({ plant, gateway, send, until, publish, replies }) => {
    const status = { ...gatewayReportExample.status, state: 'ok' as const, problems: [] }
    const look = () => getGateway(plant.ctx, ACTOR, { site: plant.site, gateway })
    await send({ status, version: '1.2.3', sentUs: T0 + 3600 * S })
    assert.deepEqual([(await look()).state, (await look()).version, (await look()).bufferedRows], ['ok', '1.2.3', 1200])
    // Older than the newest: kept what it says of gaps, nothing else.
    await send({ status, version: '1.0.0', sentUs: T0, gaps: [gap()] })
    assert.deepEqual([(await look()).version, (await look()).openGaps], ['1.2.3', 1])
    await send({ status: { ...status, clock: { state: 'ok', skewUs: -6 * S, jumps: 1 } }, sentUs: T0 + 3601 * S })
    const [row] = (await listGateways(plant.ctx, ACTOR, { site: plant.site, limit: 10 })).items
    assert.deepEqual([row?.state, row?.clockSkewUs], ['degraded', -6 * S])
    assert.match(row?.problems[0] ?? '', /clock is 6\.0 s behind/)
    // What a newer gateway says beyond us does no harm, and its causes are shown as they are.
    const newer = { ...gatewayReportExample, site: plant.site, gateway, sentUs: T0 + 3602 * S, mood: 'fine', gaps: [{ ...gap({ id: 'g-9' }), cause: 'solar_flare', colour: 'red' }] }
    const before = replies.length
    await publish(JSON.stringify({ ...newer, status: { ...status, moons: 2, connectors: [{ ...gatewayReportExample.status.connectors[0], state: 'dreaming' }] } }))
    await until(() => replies.length > before)
    assert.deepEqual([replies.at(-1)?.problem, replies.at(-1)?.gaps], [null, [{ id: 'g-9', revision: 1 }]])
    assert.equal((await look()).status?.connectors[0]?.state, 'dreaming')
  }))

  it('keeps tag maps under their own digest alone', using(async ({ plant, gateway, send }) => {
    const document = { version: 1, tags: [{ address: 'x', tag: 'p/a' }] }
    const digest = canonicalDigest(document)
    const strange = { digest: '0'.repeat(64), document: { version: 2 } }
    const reply = await send({ mappings: [{ digest, document }, strange], gaps: [gap()] })
    assert.deepEqual([reply.mappings, reply.gaps.length], [[digest], 1])
    assert.match(reply.problem ?? '', /000000000000…/)
    await send({ mappings: [{ digest, document }] })
    const { items } = await listMappings(plant.ctx, ACTOR, { site: plant.site, gateway, limit: 10 })
    assert.deepEqual(items.map((item) => [item.digest, item.document]), [[digest, document]])
  }))

  it('orders a recall in every reply until the gateway is done with it', using(async ({ plant, gateway, send }) => {
    const order = { site: plant.site, gateway, tags: ['p/w', 'p/a'], from: microsToIso(T0), to: microsToIso(T0 + 60 * S) }
    const recall = (given: Partial<typeof order> = {}) => recallReadings(plant.ctx, ACTOR, { ...order, ...given })
    await assert.rejects(recall(), refused('not_found'))
    assert.deepEqual((await send({})).commands, [])
    await assert.rejects(recall({ to: order.from }), refused('invalid'))
    await assert.rejects(recall({ to: microsToIso(T0 + 2 * 86_400 * S) }), refused('invalid'))
    await assert.rejects(recall({ tags: ['p/nowhere'] }), refused('not_found'))
    const elsewhere = { version: 1, tags: [{ address: 'x', tag: 'p/b' }] }
    await plant.rows('insert into gateway (site_id, gateway_id) values ($1, $2)', [plant.site, 'gw-far'])
    await plant.rows('insert into gateway_mapping values ($1, $2, $3, $4, now())', [plant.site, 'gw-far', canonicalDigest(elsewhere), elsewhere])
    await assert.rejects(recall({ tags: ['p/b'] }), (error) => refused('unprocessable')(error) && /gw-far/.test((error as Error).message))

    const { id, state } = await recall()
    assert.equal(state, 'pending')
    const command = { id, kind: 'recall', tags: ['p/a', 'p/w'], fromUs: T0, toUs: T0 + 60 * S - 1 }
    assert.deepEqual((await send({})).commands, [command])
    assert.deepEqual((await send({ commands: [{ id, state: 'accepted', rows: 5, detail: null }] })).commands, [command])
    const look = async () => (await listRecalls(plant.ctx, ACTOR, { site: plant.site, gateway, limit: 10 })).items.map((item) => `${item.state} ${item.rows}`)
    assert.deepEqual(await look(), ['accepted 5'])
    assert.deepEqual((await send({ commands: [{ id: 'not ours', state: 'done', rows: 1, detail: null }, { id, state: 'done', rows: 60, detail: null }] })).commands, [])
    assert.deepEqual((await send({ commands: [{ id, state: 'accepted', rows: 5, detail: null }] })).commands, [])
    assert.deepEqual(await look(), ['done 60'])
    assert.deepEqual((await plant.rows<{ verb: string }>("select verb from audit_entry where subject like 'gateway-command/%' order by audit_id")).map(({ verb }) => verb), ['recall-readings', 'end-recall'])
  }))

  it('refuses noise, other names and what is too large, with batches going on beside', using(async ({ plant, gateway, send, publish, replies, until, landing, gaps }) => {
    const good = { ...gatewayReportExample, site: plant.site, gateway, gaps: [gap()] }
    const bad: [string | Buffer, RegExp][] = [
      ['noise', /not JSON/], [Buffer.from([0xff, 0xfe]), /not JSON/], ['{}', /contract/], ['['.repeat(100_000), /not JSON/],
      [JSON.stringify({ ...good, site: 'elsewhere' }), /elsewhere/], [JSON.stringify({ ...good, gateway: 'another' }), /another/], [JSON.stringify({ ...good, contract: 2 }), /contract/],
      [JSON.stringify({ ...good, gaps: [{ ...gap(), detail: 'a\0b' }] }), /NUL/], [JSON.stringify({ ...good, gaps: [{ ...gap(), fromUs: 1.5 }] }), /fromUs/],
      [Buffer.alloc(MOST_REPORT_BYTES + 1, 0x20), /bytes/],
    ]
    for (const [i, [payload, problem]] of bad.entries()) {
      await publish(payload)
      await publish(Buffer.from(readingsBatch([{ tag: 'p/a', sourceUs: T0 + i * S, value: i }], { gateway, sequence: i + 1 })), topics.batch(plant.site, gateway))
      await until(() => replies.length === i + 1)
      assert.match(replies[i]?.problem ?? '', problem)
      assert.deepEqual([replies[i]?.gaps, replies[i]?.sentUs], [[], null])
    }
    await until(async () => (await plant.rows('select 1 from raw_batch')).length === bad.length)
    assert.deepEqual(await gaps(), [])
    assert.equal((await send({ gaps: [gap()] })).problem, null)
    assert.deepEqual(landing().reports(), { kept: 1, refused: bad.length, failed: 0 })
  }))

  it('loses nothing and confirms nothing in vain when the landing process is killed in between', using(async ({ plant, gateway, landing, publish, replies, until }) => {
    const { mqtt } = (await useStack()).connections
    await landing().stop()
    const children: ChildProcess[] = []
    const clientId = freshPrefix()
    const start = async () => {
      const child = fork(path.join(import.meta.dirname, 'landing-process.ts'), {
        execArgv: tsxArgs(), stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
        env: {
          PATH: process.env['PATH'], DATABASE_URL: String(plant.pool.options.connectionString), MQTT_URL: mqtt.url, MQTT_USER: mqtt.username, MQTT_PASSWORD: mqtt.password,
          CLIENT_ID: clientId, SITE: plant.site, GATEWAY: gateway,
        },
      })
      children.push(child)
      await once(child, 'message')
    }
    try {
      await start()
      // As a gateway does: everything that no reply has confirmed is told again.
      const book = new Map(Array.from({ length: 300 }, (_, i) => [`g-${i}`, { ...gap({ id: `g-${i}`, fromUs: T0 + i * S }), confirmed: 0 }]))
      const unconfirmed = () => [...book.values()].filter(({ revision, confirmed }) => revision > confirmed)
      let heard = 0
      let sent = 0
      const kills = new Set([4, 9])
      await until(async () => {
        for (const { gaps } of replies.slice(heard)) for (const { id, revision } of gaps) (book.get(id) as { confirmed: number }).confirmed = revision
        heard = replies.length
        for (const { id, revision } of await plant.rows<{ id: string; revision: string }>('select gap_id as id, revision from gap')) {
          assert.ok(Number(revision) >= (book.get(id)?.confirmed ?? 0), id)
        }
        if (unconfirmed().length === 0 && kills.size === 0) return true
        // Some go on meanwhile.
        if (kills.size > 0) for (const entry of [...book.values()].filter((_, i) => i % 7 === sent % 7)) entry.revision++
        const gaps = unconfirmed().slice(0, 100).map(({ confirmed: _confirmed, ...rest }) => rest)
        await publish(JSON.stringify({ ...gatewayReportExample, site: plant.site, gateway, sentUs: T0 + S * ++sent, gaps }))
        if (kills.delete(sent)) {
          const victim = children.at(-1) as ChildProcess
          victim.kill('SIGKILL')
          await once(victim, 'exit')
          await start()
        }
        return false
      })
      const rows = await plant.rows<{ id: string; revision: string }>('select gap_id as id, revision from gap')
      assert.deepEqual(new Map(rows.map(({ id, revision }) => [id, Number(revision)])), new Map([...book].map(([id, { revision }]) => [id, revision])))
    } finally {
      for (const child of children) child.kill('SIGKILL')
    }
  }))
})
