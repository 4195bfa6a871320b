import assert from 'node:assert/strict'
import { readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { pino } from 'pino'
import { startDoor, type Door } from '../../../infra/door/door.ts'
import { openAuthority } from '../../../infra/gateway-ca/authority.ts'
import { readToken } from '../../../registry/domain/identity/enrolment-token.ts'
import { startTestApi, type TestApi } from '../../helpers/api.ts'
import { createTestCli, type TestCli } from '../../helpers/cli.ts'
import { createIngestPlant, type IngestPlant } from '../../helpers/ingest-plant.ts'
import { freshPrefix, useStack } from '../../helpers/stack.ts'

/** By the commands that people use, on the platform and on the box. */
describe('who a gateway is', () => {
  let plant: IngestPlant
  let api: TestApi
  let cli: TestCli
  let door: Door
  let site = ''
  before(async () => {
    const { connections } = await useStack()
    plant = await createIngestPlant({ nowUs: () => Date.now() * 1000 })
    const [{ name } = { name: '' }] = await plant.rows<{ name: string }>('select current_database() as name')
    const url = new URL(connections.database.url)
    url.pathname = `/${name}`
    api = await startTestApi({ ...connections, database: { url: url.href, migrationUrl: url.href }, s3: { ...connections.s3, bucketPrefix: freshPrefix() } })
    const authority = await openAuthority({ dataDir: api.dataDir, nowUs: plant.ctx.nowUs })
    door = await startDoor({
      ctx: plant.ctx, authority, config: { host: '127.0.0.1', name: '127.0.0.1', port: api.doorPort, mqttPort: 0 }, mqtt: connections.mqtt, log: pino({ level: 'silent' }),
    })
    cli = createTestCli(api.address, plant.site, {
      ada: api.adminKey, ines: await api.keyFor(plant.site, ['integrator'], 'ines'), omar: await api.keyFor(plant.site, ['operator'], 'omar'), vera: await api.keyFor(plant.site, ['viewer'], 'vera'),
    })
    site = cli.file('site.yaml', `version: 1\nsite: ${plant.site}\ngateway: gw-1\nplatform: { identity: enrolled }\nsources: [{ id: plc, type: modbus-tcp, host: 127.0.0.1, tags: [{ tag: p/a, address: "1:holding:1:uint16", unit: "1", every: 1s }] }]\n`)
  })
  after(async () => {
    cli?.remove()
    await door?.stop()
    await api?.stop()
    await plant?.drop()
  })

  it('is told to a box by a token, shown once and kept for nobody else\'s eyes', async () => {
    const out = path.join(path.dirname(site), 'gw-1.token')
    assert.match(await cli.says('ines', `gateways enrol gw-1 --out ${out}`), /Good until .*, once\. On the box: twinward-edge enrol/)
    assert.equal(statSync(out).mode & 0o777, 0o600)
    assert.equal(readToken(readFileSync(out, 'utf8')).door, door.address)
    assert.equal((await cli.run('ines', `gateways enrol gw-1 --out ${out}`)).exitCode, 1, 'a file that is there is not put over')
    const again = await cli.json<{ token: string; expiresAt: string }>('ines', 'gateways enrol gw-1 --valid-hours 2')
    assert.equal((await cli.run('vera', 'gateways enrol gw-1')).exitCode, 1)
    assert.equal((await cli.run('ines', 'gateways enrol gw-1 --valid-hours 9999')).exitCode, 2)
    const old = await cli.run('omar', `edge enrol ${site} --token-file ${out}`)
    assert.equal(old.exitCode, 1)
    assert.match(old.err, /was withdrawn/)
    const done = await cli.says('omar', `edge enrol ${site} --token-file ${cli.file('again.token', again.token)}`)
    assert.match(done, new RegExp(`This box is gateway gw-1 of site ${plant.site}`))
  })

  it('is listed, and shut out by one command', async () => {
    const { items } = await cli.json<{ items: { state: string; issuedBy: string; fingerprint: string }[] }>('vera', 'gateways certificates gw-1')
    assert.deepEqual(items.map(({ state, issuedBy }) => [state, issuedBy]), [['valid', 'ines']])
    assert.match(await cli.says('vera', 'gateways certificates gw-1'), new RegExp(`${items[0]?.fingerprint.slice(0, 16) ?? ''}.*valid`))
    assert.equal((await cli.run('vera', 'gateways revoke gw-1 --reason', 'lost')).exitCode, 1)
    assert.match(await cli.says('omar', 'gateways revoke gw-1 --reason', 'lost at sea'), /gw-1 is shut out: 1 certificate and 0 unused tokens of it work no more/)
    assert.equal((await cli.json<{ items: { state: string }[] }>('vera', 'gateways certificates gw-1')).items[0]?.state, 'revoked')
    const unknown = await cli.run('omar', 'gateways revoke gw-9 --reason x')
    assert.equal(unknown.exitCode, 1)
    assert.match(unknown.err, /has not heard of a gateway gw-9/)
  })

  it('is by an authority that an admin of every site exchanges', async () => {
    const before = await cli.json<{ authorities: { signs: boolean }[] }>('ada', 'gateway-ca')
    assert.deepEqual(before.authorities.map(({ signs }) => signs), [true])
    assert.equal((await cli.run('ines', 'gateway-ca rotate')).exitCode, 1)
    const after = await cli.json<{ authorities: { signs: boolean }[] }>('ada', 'gateway-ca rotate')
    assert.deepEqual(after.authorities.map(({ signs }) => signs), [false, true])
    const { token } = await cli.json<{ token: string }>('ines', 'gateways enrol gw-1')
    assert.equal(readToken(token).authorities.length, 2)
    assert.match(await cli.says('omar', `edge enrol ${site} --token-file ${cli.file('third.token', token)}`), /This box is gateway gw-1/)
  })

  it('leaves its trace in audit and ledger', async () => {
    const verbs = (await plant.rows<{ verb: string }>('select distinct verb from audit_entry')).map(({ verb }) => verb)
    for (const verb of ['enrol-gateway', 'take-certificate', 'revoke-gateway', 'rotate-authority']) assert.ok(verbs.includes(verb), verb)
    const kinds = (await plant.rows<{ kind: string }>('select distinct kind from ledger_entry')).map(({ kind }) => kind)
    for (const kind of ['gateway.enrolment-made', 'gateway.enrolled', 'gateway.revoked', 'gateway-ca.rotated']) assert.ok(kinds.includes(kind), kind)
    assert.deepEqual(api.errors, [])
  })
})
