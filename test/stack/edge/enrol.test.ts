import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { readdirSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { askDoor } from '../../../edge/identity/ask-door.ts'
import { certificateOf, enrol } from '../../../edge/identity/enrol.ts'
import { makeKey, makeRequest } from '../../../edge/identity/request.ts'
import { givenCertificateSchema, identityStateSchema } from '../../../registry/domain/contract/gateway-identity.ts'
import { DomainError } from '../../../registry/domain/errors.ts'
import { readToken, writeToken } from '../../../registry/domain/identity/enrolment-token.ts'
import { renewCertificate } from '../../../registry/services/gateways/renew-certificate.ts'
import { revokeGateway } from '../../../registry/services/gateways/revoke-gateway.ts'
import { takeCertificate } from '../../../registry/services/gateways/take-certificate.ts'
import { listGateways } from '../../../registry/services/read/gateways.ts'
import { listGatewayCertificates } from '../../../registry/services/read/gateway-certificates.ts'
import { actor, readText, startTestDoor, type TestDoor } from '../../helpers/door.ts'

const HOUR = 3_600_000_000
const DAY = 24 * HOUR

const refused = (code: string, fault: string | null, message: RegExp) => (error: unknown): boolean => {
  assert.ok(error instanceof DomainError, String(error))
  assert.equal(error.code, code, error.message)
  if (fault !== null) assert.equal(error.details['fault'], fault)
  assert.match(error.message, message)
  return true
}

const seen = (identity: { certificate: string; key: string; door: string; authorities: readonly string[] }) => ({
  address: identity.door, time: { atLeastUs: 0, nowUs: null }, own: { certificate: identity.certificate, key: identity.key },
  authorities: identity.authorities.map((pem) => certificateOf(pem) as X509Certificate),
})

const certificates = async ({ ctx, plant }: TestDoor, gateway: string) => (await listGatewayCertificates(ctx, actor, { site: plant.site, gateway, limit: 50 })).items

test('a box gets its certificate by a token, and is known by it; key and secret are for nobody else\'s eyes', async (t) => {
  const stage = await startTestDoor(t)
  const token = await stage.token('gw-1')
  const box = stage.box('a')
  const identity = await enrol(box, { token: ` ${token}\n`, site: stage.plant.site, gateway: 'gw-1' })
  const certificate = new X509Certificate(identity.certificate)
  assert.deepEqual(certificate.subject.split('\n'), [`O=${stage.plant.site}`, 'CN=gw-1'])
  assert.equal(certificate.ca, false)
  assert.deepEqual(certificate.keyUsage, ['1.3.6.1.5.5.7.3.2'])
  assert.equal(certificate.subjectAltName, `URI:twinward://${stage.plant.site}/gateways/gw-1`)
  assert.deepEqual(box.read('current'), identity)

  const state = await askDoor(seen(identity), 'GET', '/identity', identityStateSchema)
  assert.deepEqual([state.site, state.gateway, state.renewDue], [stage.plant.site, 'gw-1', false])
  assert.equal((await certificates(stage, 'gw-1'))[0]?.state, 'valid')
  const { items } = await listGateways(stage.ctx, actor, { site: stage.plant.site, limit: 10 })
  assert.deepEqual(items.map(({ id, state, clockSkewUs }) => [id, state, clockSkewUs]), [['gw-1', 'unknown', null]], 'it is one of the site, although it has not reported yet')

  for (const name of readdirSync(box.folder)) assert.equal(statSync(path.join(box.folder, name)).mode & 0o777, 0o600, name)
  assert.equal(statSync(box.folder).mode & 0o777, 0o700)
  const key = statSync(path.join(stage.dataDir, 'gateway-ca', 'authority-1.pem'))
  assert.equal(key.mode & 0o777, 0o600)
  const { secret } = readToken(token)
  const kept = JSON.stringify(await stage.plant.rows('select * from gateway_enrolment'))
    + JSON.stringify(await stage.plant.rows('select * from audit_entry')) + JSON.stringify(await stage.plant.rows('select body from ledger_entry')) + JSON.stringify(await stage.plant.rows('select payload from outbox'))
  for (const told of [stage.log(), kept]) {
    assert.ok(!told.includes(secret))
    assert.ok(!told.includes('PRIVATE'))
  }
})

test('a token works once: with the same key it gives the same certificate again, with another nothing, which both sides are told', async (t) => {
  const stage = await startTestDoor(t)
  const token = await stage.token('gw-1')
  const key = makeKey()
  const request = await makeRequest(key)
  const take = (csr: string) => takeCertificate({ ...stage.ctx, authority: stage.authority }, { token, request: csr, address: 'test' })
  const first = await take(request)
  assert.deepEqual(await take(request), first)
  const rightful = await enrolAs(stage, 'rightful', 'gw-2')
  await assert.rejects(enrol(stage.box('thief'), { token, site: stage.plant.site, gateway: 'gw-1' }), refused('conflict', 'used_token', /has been used, and works once/))
  assert.equal((await certificates(stage, 'gw-1')).length, 1)
  const [access] = await stage.plant.rows<{ refused_code: string; refused_because: string }>('select * from gateway_access where gateway_id = $1', ['gw-1'])
  assert.equal(access?.refused_code, 'used_token')
  assert.ok(stage.lines.some(({ fault, gateway }) => fault === 'used_token' && gateway === 'gw-1'))
  assert.equal((await askDoor(seen(rightful), 'GET', '/identity', identityStateSchema)).gateway, 'gw-2')
})

test('a certificate that is being made while the gateway is shut out lets nobody in', async (t) => {
  const stage = await startTestDoor(t)
  const identity = await enrolAs(stage, 'a', 'gw-1')
  const { fingerprint } = (await certificates(stage, 'gw-1'))[0]!
  let signs = () => {}
  let goOn = () => {}
  const signing = new Promise<void>((resolve) => { signs = resolve })
  const held = new Promise<void>((resolve) => { goOn = resolve })
  const slow: typeof stage.authority = {
    ...stage.authority,
    trusted: () => stage.authority.trusted(),
    async issue(...args) {
      signs()
      await held
      return stage.authority.issue(...args)
    },
  }
  const renewed = renewCertificate({ ...stage.ctx, authority: slow }, { fingerprint, request: await makeRequest(makeKey()), address: 'test' })
  await signing
  let over = false
  const revoked = revokeGateway(stage.ctx, actor, { site: stage.plant.site, gateway: 'gw-1', reason: 'stolen' }).finally(() => { over = true })
  while (!over && !await somebodyWaits(stage)) await sleep(20)
  goOn()
  await renewed
  assert.equal((await revoked).certificates.length, 2)
  assert.deepEqual((await certificates(stage, 'gw-1')).map(({ state }) => state), ['revoked', 'revoked'])
  await assert.rejects(askDoor(seen(identity), 'GET', '/identity', identityStateSchema))
})

test('of two boxes that show one token at once, one becomes the gateway', async (t) => {
  const stage = await startTestDoor(t)
  const token = await stage.token('gw-1')
  const both = await Promise.allSettled(['a', 'b'].map((name) => enrol(stage.box(name), { token, site: stage.plant.site, gateway: 'gw-1' })))
  assert.deepEqual(both.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
  assert.equal((await certificates(stage, 'gw-1')).length, 1)
})

test('tokens that are over, withdrawn, made by nobody, cut short or for another gateway give nothing', async (t) => {
  const stage = await startTestDoor(t)
  const site = stage.plant.site
  const late = await stage.token('gw-1', { validHours: 1 })
  stage.pass(2 * HOUR)
  await assert.rejects(enrol(stage.box('late'), { token: late, site, gateway: 'gw-1' }), refused('expired', 'expired_token', /could be used until/))
  const withdrawn = await stage.token('gw-1')
  const newer = await stage.token('gw-1')
  await assert.rejects(enrol(stage.box('old'), { token: withdrawn, site, gateway: 'gw-1' }), refused('conflict', 'withdrawn_token', /was withdrawn/))
  await assert.rejects(enrol(stage.box('none'), { token: writeToken({ ...readToken(newer), secret: 'A'.repeat(43) }), site, gateway: 'gw-1' }), refused('unauthenticated', 'unknown_token', /Nobody made this token/))
  await assert.rejects(enrol(stage.box('cut'), { token: newer.slice(0, -3), site, gateway: 'gw-1' }), refused('invalid', 'not_a_token', /not all of one/))
  await assert.rejects(enrol(stage.box('other'), { token: newer, site, gateway: 'gw-2' }), refused('invalid', 'other_gateway', /the site file says gw-2/))
  // The token's names say where to look; a secret is no other gateway's.
  await assert.rejects(takeCertificate({ ...stage.ctx, authority: stage.authority }, { token: writeToken({ ...readToken(newer), gateway: 'gw-2' }), request: await makeRequest(makeKey()), address: 'test' }),
    refused('unauthenticated', 'unknown_token', /Nobody/))
  assert.ok((await enrol(stage.box('a'), { token: newer, site, gateway: 'gw-1' })).certificate)
})

test('a box tells its token to nobody but a door whose authority the token names', async (t) => {
  const [stage, other] = [await startTestDoor(t), await startTestDoor(t)]
  const token = readToken(await stage.token('gw-1'))
  const misled = writeToken({ ...token, door: other.door.address })
  await assert.rejects(enrol(stage.box('a'), { token: misled, site: stage.plant.site, gateway: 'gw-1' }), refused('unauthenticated', 'not_the_door', /Nothing was told to it/))
  assert.deepEqual(other.lines.filter(({ what }) => what === 'POST /enrol'), [])
  // Nor does it go by a certificate that a gateway shows in the door's place.
  const identity = await enrolAs(stage, 'b', 'gw-2')
  await assert.rejects(askDoor({ ...seen(identity), authorities: other.authority.certificates() }, 'GET', '/identity', identityStateSchema), refused('unauthenticated', 'not_the_door', /does not trust/))
})

test('requests that are none, of another kind of key or not signed by their key are refused; names in them are not looked at', async (t) => {
  const stage = await startTestDoor(t)
  const token = await stage.token('gw-1')
  const take = (request: string) => askDoor({ address: stage.door.address, authorities: null, time: { atLeastUs: 0, nowUs: null } }, 'POST', '/enrol', givenCertificateSchema, { token, request })
  await assert.rejects(take('nonsense'), refused('invalid', 'bad_request', /no certificate request/))
  const request = await makeRequest(makeKey())
  const bytes = Buffer.from(request.replace(/-----[^-]+-----/g, ''), 'base64')
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1
  await assert.rejects(take(`-----BEGIN CERTIFICATE REQUEST-----\n${bytes.toString('base64')}\n-----END CERTIFICATE REQUEST-----`), refused('invalid', 'bad_request', /not signed by the key/))
  await assert.rejects(take('x'.repeat(9_000)), refused('invalid', null, /request/))
  assert.equal(new X509Certificate((await take(request)).certificate).subject.split('\n')[1], 'CN=gw-1')
})

test('a certificate is renewed by another key; both work until the new one is used; the same request again gives the same', async (t) => {
  const stage = await startTestDoor(t)
  const identity = await enrolAs(stage, 'a', 'gw-1')
  const fingerprint = (pem: string) => new X509Certificate(pem).fingerprint256.replaceAll(':', '').toLowerCase()
  const renew = (key: string, of = identity) => makeRequest(key).then((request) => askDoor(seen(of), 'POST', '/renew', givenCertificateSchema, { request }))
  await assert.rejects(renew(identity.key), refused('conflict', 'same_key', /another key/))
  const key = makeKey()
  const next = await renew(key)
  assert.equal((await renew(key)).certificate, next.certificate)
  assert.deepEqual((await certificates(stage, 'gw-1')).map(({ state }) => state), ['valid', 'valid'])
  // One that was never used gives way to another request.
  const other = await renew(makeKey())
  assert.deepEqual((await certificates(stage, 'gw-1')).map(({ state }) => state), ['valid', 'revoked', 'valid'])
  assert.equal((await certificates(stage, 'gw-1'))[0]?.fingerprint, fingerprint(other.certificate))
  await assert.rejects(renewCertificate({ ...stage.ctx, authority: stage.authority }, { fingerprint: 'ab'.repeat(32), request: await makeRequest(makeKey()), address: 'test' }), refused('unauthenticated', 'unknown', /does not know this certificate/))
})

test('expired, revoked, enrolled again, of another authority or none at all: each is told why, and the platform too', async (t) => {
  const [stage, other] = [await startTestDoor(t, { lifeDays: 10 }), await startTestDoor(t)]
  const ask = (identity: Parameters<typeof seen>[0]) => askDoor(seen(identity), 'GET', '/identity', identityStateSchema)
  const stranger = await enrolAs(other, 'stranger', 'gw-1')
  const first = await enrolAs(stage, 'a', 'gw-1')
  await assert.rejects(ask({ ...first, key: stranger.key, certificate: stranger.certificate }), refused('unauthenticated', 'stranger', /does not trust/))
  await assert.rejects(askDoor({ address: first.door, time: { atLeastUs: 0, nowUs: null }, authorities: stage.authority.certificates() }, 'GET', '/identity', identityStateSchema), refused('unauthenticated', 'none', /No certificate/))

  const again = await enrolAs(stage, 'b', 'gw-1')
  await assert.rejects(ask(first), refused('forbidden', 'revoked', /was revoked/))
  stage.pass(7 * DAY)
  assert.equal((await ask(again)).renewDue, true)
  stage.pass(3 * DAY)
  await assert.rejects(ask(again), refused('expired', 'expired', /twinward gateways enrol/))
  const third = await enrolAs(stage, 'c', 'gw-1')
  const done = await revokeGateway(stage.ctx, actor, { site: stage.plant.site, gateway: 'gw-1', reason: 'stolen' })
  assert.equal(done.certificates.length, 1)
  await assert.rejects(ask(third), refused('forbidden', 'revoked', /rightful/))
  const [access] = await stage.plant.rows<{ refused_code: string; shut_because: string }>('select * from gateway_access where gateway_id = $1', ['gw-1'])
  assert.deepEqual([access?.refused_code, access?.shut_because], ['revoked', 'stolen'])
  assert.deepEqual([...new Set(stage.lines.map(({ fault }) => fault).filter((fault) => fault !== undefined))], ['stranger', 'none', 'revoked', 'expired'])
})

test('keys under a passphrase are no use to whoever has the disk; without it, or with another, it is said what to do', async (t) => {
  const stage = await startTestDoor(t)
  const box = stage.box('a', 'correct horse')
  const identity = await enrol(box, { token: await stage.token('gw-1'), site: stage.plant.site, gateway: 'gw-1' })
  assert.equal(box.read('current')?.key, identity.key)
  for (const name of readdirSync(box.folder)) assert.ok(!readText(path.join(box.folder, name)).includes('PRIVATE'))
  assert.throws(() => stage.box('a').read('current'), refused('not_found', null, /passphrase/))
  assert.throws(() => stage.box('a', 'wrong').read('current'), refused('unauthenticated', null, /does not open/))
  writeFileSync(path.join(box.folder, 'current.json'), readText(path.join(box.folder, 'current.json')).slice(0, 200))
  assert.throws(() => box.read('current'), refused('invalid', null, /is damaged: enrol this gateway again/))
})

async function enrolAs(stage: TestDoor, name: string, gateway: string) {
  return enrol(stage.box(name), { token: await stage.token(gateway), site: stage.plant.site, gateway })
}

/** For a lock that a verb under way holds. */
async function somebodyWaits({ plant }: TestDoor): Promise<boolean> {
  return (await plant.rows("select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'")).length > 0
}
