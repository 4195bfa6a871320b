import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import path from 'node:path'
import { test } from 'node:test'
import tls from 'node:tls'
import { MqttClient } from 'mqtt'
import { dialDoor } from '../../../edge/identity/dial.ts'
import { enrol } from '../../../edge/identity/enrol.ts'
import type { Identity } from '../../../edge/identity/store.ts'
import { topics } from '../../../registry/domain/contract/batch.ts'
import { DomainError } from '../../../registry/domain/errors.ts'
import { orderRenewal } from '../../../registry/services/gateways/order-renewal.ts'
import { revokeGateway } from '../../../registry/services/gateways/revoke-gateway.ts'
import { listGatewayCertificates } from '../../../registry/services/read/gateway-certificates.ts'
import { getGateway } from '../../../registry/services/read/gateways.ts'
import { actor, startTestDoor } from '../../helpers/door.ts'
import { answerOf, closed, startDoorStage } from '../../helpers/door-stage.ts'
import { readingsBatch } from '../../helpers/ingest-plant.ts'
import { rampMachine, startSite } from '../../helpers/site-gateway.ts'
import { freshPrefix, useStack } from '../../helpers/stack.ts'

test('a gateway ships through the door, and is told what the platform has', async (t) => {
  const stage = await startDoorStage(t)
  await stage.enrolBox()
  const { site, machine } = await stage.run()
  await stage.until('readings to arrive', () => site.status().counters['acknowledged'] ?? 0)
  await stage.until('the platform\'s reply', () => site.status().clock.skewUs !== null)
  assert.deepEqual(site.status().problems, [])
  assert.equal(stage.door.sessions(), 1)
  await stage.assertAllArrived(site, machine)
  const [row] = await stage.plant.rows<{ last_epoch: string; last_address: string; first_used_at: Date | null }>('select * from gateway_certificate')
  assert.match(row?.last_epoch ?? '', /^[0-9a-f]{16}$/)
  assert.match(row?.last_address ?? '', /^127\.0\.0\.1:\d+$/)
})

test('it may publish and hear what is its own: of another gateway or site nothing passes, and both sides hear why', async (t) => {
  const stage = await startDoorStage(t)
  const identity = await stage.enrolBox()
  const own = await stage.client(identity)
  assert.equal(await answerOf(own), 'let in')
  const site = stage.plant.site
  const heard = await own.subscribeAsync([topics.acknowledgement(site, stage.gateway), topics.reply(site, stage.gateway)], { qos: 1 })
  assert.deepEqual(heard.map(({ qos }) => qos), [1, 1])
  for (const filter of [topics.acknowledgement(site, 'other'), topics.acknowledgement('other', stage.gateway), '#', `twinward/v1/${site}/gateways/+/acks`, topics.batch(site, stage.gateway)]) {
    const refused = await own.subscribeAsync(filter, { qos: 1 }).then((grants) => grants.map(({ qos }) => qos as number), (error: Error) => error.message)
    assert.match(String(refused), /128|Unspecified|refus/i, filter)
  }
  await stage.until('the refusal to be kept', async () => (await stage.plant.rows("select 1 from gateway_access where refused_code = 'topic'")).length === 1)

  const bytes = readingsBatch([{ tag: 'p/a', sourceUs: Date.now() * 1000, value: 1 }], { gateway: stage.gateway, sequence: 1 })
  for (const topic of [topics.batch('other', stage.gateway), topics.batch(site, 'other'), topics.acknowledgement(site, stage.gateway), topics.events(site, 'alert.raised')]) {
    const intruder = await stage.client(identity, `twinward-x-${freshPrefix()}`)
    assert.equal(await answerOf(intruder), 'let in')
    const gone = closed(intruder)
    intruder.publish(topic, Buffer.from(bytes), { qos: 1 }, () => {})
    await gone
    await stage.until(`the log to say ${topic}`, () => stage.lines.some(({ problem, fault }) => fault === 'topic' && String(problem).includes(`publish to ${topic}:`)))
  }
  // The header says another gateway than the topic: the door lets it pass, the landing does not.
  const disguised = readingsBatch([{ tag: 'p/a', sourceUs: Date.now() * 1000, value: 1 }], { gateway: 'other', sequence: 1 })
  own.publish(topics.batch(site, stage.gateway), Buffer.from(disguised), { qos: 1 })
  await stage.until('the disguised batch to be set aside', async () => (await stage.plant.rows("select 1 from quarantine where reason like '%header says gateway%'")).length === 1)
  assert.deepEqual(await stage.plant.rows('select 1 from raw_batch'), [])
})

test('who shows no certificate, one of another authority, an expired or a revoked one hears that it is not let in, and nothing it sends is read', async (t) => {
  const [stage, other] = [await startDoorStage(t, { lifeDays: 10 }), await startTestDoor(t)]
  const identity = await stage.enrolBox()
  const stranger = await enrol(other.box('s'), { token: await other.token('gw-1'), site: other.plant.site, gateway: 'gw-1' })
  const answer = async ({ certificate, key }: Pick<Identity, 'certificate' | 'key'>) => answerOf(await stage.client({ ...identity, certificate, key }))
  assert.equal(await answer(stranger), 'refused 5')
  stage.pass(11 * 86_400_000_000)
  assert.equal(await answer(identity), 'refused 5')
  const again = await stage.enrolBox('again')
  assert.equal(await answer(again), 'let in')
  await revokeGateway(stage.ctx, actor, { site: stage.plant.site, gateway: stage.gateway, reason: 'lost' })
  assert.equal(await answer(again), 'refused 5')
  const bare = await dialDoor({ address: identity.mqtt, time: { atLeastUs: 0, nowUs: null }, authorities: stage.authority.certificates() })
  assert.equal(await answerOf(new MqttClient(() => bare, { clientId: 'nobody', reconnectPeriod: 0 }).on('error', () => {})), 'refused 5')
  assert.deepEqual([...new Set(stage.lines.map(({ fault }) => fault).filter((fault) => fault !== undefined))].sort(), ['expired', 'none', 'revoked', 'stranger'])
})

test('a gateway that shows no certificate yet, or one that is over, says what to do, keeps reading, and ships when it is enrolled', async (t) => {
  const stage = await startDoorStage(t, { lifeDays: 10 })
  const { site, machine } = await stage.run()
  await stage.until('it to say so', () => site.status().problems.some((problem) => problem.includes('twinward gateways enrol')))
  await stage.enrolBox()
  await stage.until('it to connect', () => site.figures().uplink.connected)
  await site.stop()
  stage.pass(11 * 86_400_000_000)
  const again = await stage.run()
  await stage.until('it to say that it expired', () => again.site.status().problems.some((problem) => /certificate has expired.*twinward-edge enrol/.test(problem)))
  await stage.enrolBox()
  await stage.until('it to connect', () => again.site.figures().uplink.connected)
  await stage.until('the problem to be over', () => again.site.status().problems.length === 0)
  machine.stop = true
  again.machine.stop = true
  await stage.until('all to be shipped', () => again.machine.atRest() && again.site.status().buffer.rows === 0)
  assert.equal((await stage.landedValues()).length, (machine.taken.get('x') ?? 0) + again.machine.rounds)
})

test('certificates are renewed again and again while it ships: not a reading is lost, none comes twice, and no outage is told', async (t) => {
  // Two thirds of its life are over when it is made, as it is backdated by five minutes.
  const stage = await startDoorStage(t, { lifeDays: 0.001 })
  const first = await stage.enrolBox()
  const { site, machine } = await stage.run('box', { identityEveryMs: 200 })
  const made = async () => (await stage.plant.rows<{ n: number; used: number }>('select count(*)::int as n, count(first_used_at)::int as used from gateway_certificate'))[0]
  await stage.until('six certificates to have been used', async () => ((await made())?.used ?? 0) >= 6)
  await stage.assertAllArrived(site, machine)
  assert.deepEqual((await stage.plant.rows("select cause from gap where cause = 'wan'")), [])
  const valid = await stage.plant.rows("select 1 from gateway_certificate where revoked_at is null")
  assert.ok(valid.length <= 2, `${valid.length} are good`)
  assert.notEqual(stage.box('box').read('current')?.certificate, first.certificate)
  assert.deepEqual(await stage.plant.rows("select 1 from outbox where kind = 'gateway.copied'"), [])
  // The one it began with is worth nothing any more, wherever it turns up.
  assert.equal(await answerOf(await stage.client(first)), 'refused 5')
  assert.ok(stage.lines.some(({ fault }) => fault === 'renewed'))
})

test('a key is exchanged when somebody wants it: ordered once, with the next report, and not a reading is lost', async (t) => {
  const stage = await startDoorStage(t)
  const of = { site: stage.plant.site, gateway: stage.gateway }
  await assert.rejects(orderRenewal(stage.ctx, actor, of), refusedAs('not_found', /has not heard of a gateway/))
  await stage.enrolBox()
  const { site, machine } = await stage.run()
  await stage.until('a first batch', async () => (await stage.landedValues()).length > 0)
  const certificates = async () => (await listGatewayCertificates(stage.ctx, actor, { ...of, limit: 10 })).items
  const [first] = await certificates()
  for (let i = 0; i < 2; i++) assert.deepEqual(await orderRenewal(stage.ctx, actor, of), { gateway: stage.gateway, state: 'ordered' })
  await stage.until('another certificate in use', async () => (await certificates()).some(({ id, lastUsedAt }) => id !== first?.id && lastUsedAt !== null))
  await stage.until('the order to be done', async () => (await stage.plant.rows("select from gateway_command where kind = 'renew' and state = 'done'")).length === 1)
  assert.deepEqual((await certificates()).map(({ state, issuedBy }) => [state, issuedBy]), [['valid', `gateway/${stage.gateway}`], ['renewed', first?.issuedBy]])
  await stage.assertAllArrived(site, machine)
  await revokeGateway(stage.ctx, actor, { ...of, reason: 'a test' })
  await assert.rejects(orderRenewal(stage.ctx, actor, of), refusedAs('conflict', /no certificate that is good.*enrol it/))
})

test('revoked, a gateway is gone at once, keeps what it reads, says why; enrolled again it ships all of it', async (t) => {
  const stage = await startDoorStage(t)
  await stage.enrolBox()
  const { site, machine } = await stage.run()
  await stage.until('readings to arrive', () => site.status().counters['acknowledged'] ?? 0)
  await revokeGateway(stage.ctx, actor, { site: stage.plant.site, gateway: stage.gateway, reason: 'stolen' })
  await stage.until('its session to end', () => stage.door.sessions() === 0)
  await stage.until('it to say why', () => site.status().problems.some((problem) => problem.includes('was revoked')))
  const waiting = site.status().buffer.rows
  await stage.until('it to go on reading', () => site.status().buffer.rows > waiting + 50)
  await stage.enrolBox()
  await stage.until('it to connect', () => site.figures().uplink.connected)
  await stage.assertAllArrived(site, machine)
  assert.equal((await stage.plant.rows("select 1 from outbox where kind = 'gateway.revoked'")).length, 1)
})

test('a copied disk is noticed while both are at work, told once, and one command shuts both out; the rightful one loses nothing', async (t) => {
  const stage = await startDoorStage(t, { copyGraceMs: 200 })
  const identity = await stage.enrolBox()
  const { site, machine } = await stage.run()
  await stage.until('readings to arrive', () => site.status().counters['acknowledged'] ?? 0)
  const copy = await stage.client(identity)
  assert.equal(await answerOf(copy), 'let in')
  await stage.until('it to be noticed', async () => (await stage.plant.rows('select 1 from gateway_access where copied_at is not null')).length === 1)
  const [event] = await stage.plant.rows<{ payload: { data: { sessions: { epoch: string; address: string }[] } } }>("select payload from outbox where kind = 'gateway.copied' and channel = 'bus'")
  assert.equal(new Set(event?.payload.data.sessions.map(({ epoch }) => epoch)).size, 2)
  const gone = closed(copy)
  await revokeGateway(stage.ctx, actor, { site: stage.plant.site, gateway: stage.gateway, reason: 'copied' })
  await gone
  await stage.until('both to be gone', () => stage.door.sessions() === 0)
  await stage.enrolBox()
  await stage.until('the rightful one to be back', () => site.figures().uplink.connected)
  assert.equal(await answerOf(await stage.client(identity)), 'refused 5')
  await stage.assertAllArrived(site, machine)
  assert.equal((await stage.plant.rows("select 1 from outbox where kind = 'gateway.copied' and channel = 'bus'")).length, 1)
})

test('two machines with one and the same buffer, each of which takes the connection from the other, are noticed too', async (t) => {
  const stage = await startDoorStage(t)
  const identity = await stage.enrolBox()
  const copied = async () => (await stage.plant.rows("select 1 from outbox where kind = 'gateway.copied' and channel = 'bus'")).length
  for (let turn = 0; turn < 4; turn++) {
    assert.equal(await copied(), 0)
    assert.equal(await answerOf(await stage.client(identity)), 'let in')
    await stage.until('one session', () => stage.door.sessions() === 1)
  }
  await stage.until('it to be noticed', async () => (await copied()) === 1)
})

for (const [which, years] of [['long ago', -20], ['far ahead', 20]] as const) {
  test(`a box whose clock stands ${which} is let in, learns the time, and renews in time`, async (t) => {
    const stage = await startDoorStage(t, { lifeDays: 0.001 })
    await stage.enrolBox()
    const offUs = years * 365 * 86_400_000_000
    const { site } = await stage.run('box', { identityEveryMs: 200, clocks: { systemUs: () => Date.now() * 1000 + offUs, evenUs: () => performance.now() * 1000 } })
    await stage.until('it to be connected', () => site.figures().uplink.connected)
    await stage.until('the platform\'s time', () => Math.abs((site.status().clock.skewUs ?? 0) - offUs) < 60_000_000)
    await stage.until('a renewed certificate to be used', async () => (await stage.plant.rows('select 1 from gateway_certificate where former_id is not null and first_used_at is not null')).length > 0)
  })
}

test('what a gateway that was shut out says past the door is not taken either: it keeps its batches, and hears why', async (t) => {
  const stage = await startDoorStage(t)
  await stage.enrolBox()
  const { mqtt } = (await useStack()).connections
  const { site } = stage.plant
  const past = await startSite({
    directory: path.join(stage.dataDir, 'past'), mqtt, tags: [{ address: 'x', tag: 'p/a' }], machine: rampMachine(['x'], 5), plan: { site, gateway: stage.gateway },
  })
  stage.beforeEnd(() => past.stop())
  await stage.until('readings to arrive', () => past.status().counters['acknowledged'] ?? 0)
  await revokeGateway(stage.ctx, actor, { site, gateway: stage.gateway, reason: 'stolen' })
  await stage.until('it to hear why', () => past.status().problems.some((problem) => /shut out by .* \(stolen\).*enrol/.test(problem)))
  const taken = (await stage.landedValues()).length
  const rows = past.status().buffer.rows
  await stage.until('it to keep what it reads', () => past.status().buffer.rows > rows + 50)
  assert.equal((await stage.landedValues()).length, taken)
  const view = await getGateway(stage.ctx, actor, { site, gateway: stage.gateway })
  assert.equal(view.revoked, true)
  assert.ok(view.problems.some((problem) => problem.includes('twinward gateways enrol')))
  await stage.enrolBox()
  await stage.until('all to be taken', () => past.status().buffer.rows < 50)
  assert.equal((await getGateway(stage.ctx, actor, { site, gateway: stage.gateway })).revoked, false)
})

test('the door stops whoever holds on to it: strangers that say nothing, and gateways that come in at that moment', async (t) => {
  const stage = await startDoorStage(t)
  const identity = await stage.enrolBox()
  const port = Number(identity.mqtt.split(':')[1])
  const silent = [
    ...[port, Number(identity.door.split(':')[1])].map((at) => net.connect({ host: '127.0.0.1', port: at, allowHalfOpen: true })),
    tls.connect({ host: '127.0.0.1', port, rejectUnauthorized: false }),
  ]
  t.after(() => { for (const socket of silent) socket.destroy() })
  for (const socket of silent) socket.on('error', () => {})
  await Promise.all(silent.map((socket) => once(socket, socket instanceof tls.TLSSocket ? 'secureConnect' : 'connect')))
  const coming = Array.from({ length: 5 }, (_, at) => stage.client(identity, `twinward-${at}`).then(answerOf, () => 'closed'))
  await stage.door.stop()
  assert.equal(stage.door.sessions(), 0)
  assert.equal((await Promise.all(coming)).length, 5)
})

const refusedAs = (code: string, message: RegExp) => (error: unknown): boolean => error instanceof DomainError && error.code === code && message.test(error.message)
