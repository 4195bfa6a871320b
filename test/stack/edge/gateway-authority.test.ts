import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import { openAuthority } from '../../../infra/gateway-ca/authority.ts'
import { openAuthorityKeeper } from '../../../infra/gateway-ca/keeper.ts'
import { AUTHORITY_CHANGED, GATEWAY_ACCESS_CHANNEL } from '../../../registry/store/gateway-access.ts'
import { listAuthorities, rotateAuthority } from '../../../registry/services/gateways/rotate-authority.ts'
import { actor } from '../../helpers/door.ts'
import { answerOf, startDoorStage, type DoorStage } from '../../helpers/door-stage.ts'

const DAY = 86_400_000_000
const nowUs = () => Date.now() * 1000

/** What the door does each day, and when it hears of another authority: it looks at the files, whom it trusts, and makes itself a certificate. */
const daily = ({ ctx }: Pick<DoorStage, 'ctx'>) => ctx.pool.query('select pg_notify($1, $2)', [GATEWAY_ACCESS_CHANNEL, AUTHORITY_CHANGED])

test('another authority takes over under way: gateways that know the former one alone go on, hear of both as they renew, and not a reading is lost', async (t) => {
  const stage = await startDoorStage(t)
  const keeper = await openAuthorityKeeper(stage.dataDir, { host: '127.0.0.1', name: '127.0.0.1', port: 1, mqttPort: 2 })
  const [former] = keeper.list()
  const before = await stage.enrolBox()
  const { site, machine } = await stage.run('box', { identityEveryMs: 200 })
  await stage.until('readings to arrive', () => site.status().counters['acknowledged'] ?? 0)

  const view = await rotateAuthority(stage.ctx, actor, keeper)
  assert.deepEqual(view.authorities.map(({ signs, certificates }) => [signs, certificates]), [[false, 1], [true, 0]])
  await stage.until('the door to know both', () => stage.authority.keyIds().length === 2)
  // It knows the former one alone, by which the door still shows itself.
  assert.equal(before.authorities.length, 1)
  assert.equal(await answerOf(await stage.client(before)), 'let in')
  assert.deepEqual(stage.box('box').read('current')?.authorities, before.authorities)

  stage.pass(61 * DAY)
  await daily(stage)
  await stage.until('the certificate to be renewed', () => stage.box('box').read('current')?.authorities.length === 2)
  const after = stage.box('box').read('current')
  assert.ok(new X509Certificate(after?.certificate ?? '').verify(stage.authority.certificates()[1]?.publicKey ?? assert.fail()))
  await stage.until('nobody to need the former one', async () => (await listAuthorities(stage.ctx, actor, keeper)).authorities[0]?.certificates === 0)
  await daily(stage)
  await stage.until('the former one to be trusted no more', () => stage.authority.keyIds().length === 1)
  assert.ok(!stage.authority.keyIds().includes(former?.id ?? ''))
  assert.equal(await answerOf(await stage.client(after ?? assert.fail())), 'let in')
  await assert.rejects(stage.client(before), /does not trust/)
  const later = await stage.enrolBox('later', 'later')
  assert.equal(later.authorities.length, 1)
  await stage.assertAllArrived(site, machine)
})

test('of several processes that start at once one makes the authority; a damaged one is told, and not put over', async (t) => {
  const dataDir = mkdtempSync(path.join(os.tmpdir(), 'twinward-ca-'))
  t.after(() => { rmSync(dataDir, { recursive: true, force: true }) })
  const opened = await Promise.all(Array.from({ length: 5 }, () => openAuthority({ dataDir, nowUs })))
  assert.equal(new Set(opened.flatMap(({ keyIds }) => keyIds())).size, 1)
  const file = path.join(dataDir, 'gateway-ca', 'authority-1.pem')
  const whole = readFileSync(file, 'utf8')
  writeFileSync(file, whole.slice(0, 300))
  await assert.rejects(openAuthority({ dataDir, nowUs }), /authority-1\.pem does not hold an authority and its key: restore it from a backup/)
  assert.equal(readFileSync(file, 'utf8'), whole.slice(0, 300))
})

function makeYours(t: TestContext, name: string, key: readonly string[], more: readonly string[] = []): { certificateFile: string; keyFile: string } {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'twinward-yours-'))
  t.after(() => { rmSync(folder, { recursive: true, force: true }) })
  const [certificateFile, keyFile] = [path.join(folder, 'ca.pem'), path.join(folder, 'ca.key')]
  execFileSync('openssl', ['req', '-x509', ...key, '-nodes', '-keyout', keyFile, '-out', certificateFile, '-days', '30', '-subj', `/O=Works/CN=${name}`, ...more], { stdio: 'ignore' })
  return { certificateFile, keyFile }
}

for (const [kind, key] of [['RSA', ['-newkey', 'rsa:2048']], ['P-384', ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:secp384r1']]] as const) {
  test(`an authority of yours (${kind}) signs as the platform's own does, and is exchanged by its files`, async (t) => {
    const yours = makeYours(t, 'one', key)
    const next = makeYours(t, 'two', key)
    const stage = await startDoorStage(t, { yours })
    // The next one is trusted before it signs: gateways that renew hear of it.
    writeFileSync(yours.certificateFile, readFileSync(yours.certificateFile, 'utf8') + readFileSync(next.certificateFile, 'utf8'))
    await daily(stage)
    await stage.until('both to be trusted', () => stage.authority.keyIds().length === 2)
    const identity = await stage.enrolBox()
    assert.match(new X509Certificate(identity.certificate).issuer, /CN=one/)
    assert.equal(identity.authorities.length, 2)
    const [first, second] = [readFileSync(yours.certificateFile, 'utf8'), readFileSync(next.certificateFile, 'utf8')]
    writeFileSync(yours.certificateFile, second + first)
    writeFileSync(yours.keyFile, readFileSync(next.keyFile, 'utf8'))
    const opened = await openAuthority({ dataDir: stage.dataDir, yours, nowUs })
    const moved = await stage.reopen({ authority: opened })
    assert.equal(await answerOf(await stage.client({ ...identity, mqtt: moved.mqttAddress })), 'let in')
    assert.match(new X509Certificate((await stage.enrolBox('b', 'gw-2')).certificate).issuer, /CN=two/)
    const keeper = await openAuthorityKeeper(stage.dataDir, { host: '127.0.0.1', name: 'x', port: 1, mqttPort: 2, authority: yours })
    await assert.rejects(rotateAuthority(stage.ctx, actor, keeper), /TWINWARD_GATEWAY_CA_CERT/)
  })
}

test('files that hold no authority, or not its key, are named at the start', async (t) => {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1']
  const [yours, other] = [makeYours(t, 'one', key), makeYours(t, 'two', key)]
  const leaf = makeYours(t, 'leaf', key, ['-addext', 'basicConstraints=critical,CA:FALSE'])
  const open = (files: { certificateFile: string; keyFile: string }) => openAuthority({ dataDir: os.tmpdir(), yours: files, nowUs })
  await assert.rejects(open({ ...yours, keyFile: other.keyFile }), /TWINWARD_GATEWAY_CA_CERT .*the key is not that of the certificate/)
  await assert.rejects(open(leaf), /not one of an authority/)
  await assert.rejects(open({ ...yours, certificateFile: '/nowhere.pem' }), /\/nowhere\.pem.*cannot be used/)
  await assert.rejects(open({ certificateFile: yours.keyFile, keyFile: yours.keyFile }), (error: Error) => !error.message.includes('PRIVATE'))
})
