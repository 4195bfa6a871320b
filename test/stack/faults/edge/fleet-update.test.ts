import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createTrustedKeys } from '../../../../edge/judge/trusted-keys.ts'
import { LAUNCHER_FILE } from '../../../../infra/build/edge-bundle.ts'
import { packUpdate, type PackedUpdate } from '../../../../infra/build/edge-update.ts'
import { createTestCli, type TestCli } from '../../../helpers/cli.ts'
import { installEdge } from '../../../helpers/edge-program.ts'
import { launch, type Launched } from '../../../helpers/launched.ts'
import { startTestPlatform, type TestPlatform } from '../../../helpers/platform.ts'
import { packProgram } from '../../../helpers/updates.ts'
import { countingAccounts, countingSite, leisurely, roundsToEnd, type CountingSite } from './gateway.ts'
import { assertSettled, importCounting } from './on-platform.ts'

const SITE = 'fleet'

interface Update { id: string; state: string; stage: number; endedBecause: string | null; gateways: { gateway: string; stage: number; state: string }[] }

/** Three gateways by their launchers, a platform with all its processes, and the commands that people use. */
describe('an update over a fleet', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'twinward-fleet-'))
  const installation = path.join(folder, 'installed')
  const gateways = ['gw-1', 'gw-2', 'gw-3']
  const running = new Map<string, Launched>()
  const sites = new Map<string, CountingSite>()
  let on: TestPlatform
  let cli: TestCli
  let good: PackedUpdate
  before(async () => {
    on = await startTestPlatform()
    await importCounting(on, SITE, Object.fromEntries(gateways.map((gateway) => [`m-${gateway}`, { tags: 2 }])))
    cli = createTestCli(on.platform.url, SITE, { admin: on.adminKey })
    await installEdge(installation, 'faults', '1.0.0')
    await installEdge(path.join(folder, '1.1.0'), 'faults', '1.1.0')
    good = packUpdate(path.join(folder, '1.1.0'), '1.1.0')
    const { publicKey } = await on.admin.get<{ publicKey: string }>('/v1/bundle-key')
    const { url, username = '', password = '' } = on.platform.connections.mqtt
    for (const gateway of gateways) {
      const directory = path.join(folder, gateway)
      mkdirSync(directory)
      createTrustedKeys(path.join(directory, 'buffer', 'judge', 'keys')).trust(publicKey)
      const site: CountingSite = { site: SITE, gateway, asset: `m-${gateway}`, tags: 2, startUs: Math.floor(Date.now() / 1000) * 1_000_000, stepUs: 50_000, rounds: 1_000_000_000 }
      sites.set(gateway, site)
      writeFileSync(path.join(directory, 'site.yaml'), countingSite(site))
      running.set(gateway, launch([path.join(installation, LAUNCHER_FILE), 'run', path.join(directory, 'site.yaml')],
        { MQTT_URL: url, MQTT_USERNAME: username, MQTT_PASSWORD: password, FAULT_OPTIONS: JSON.stringify(leisurely), LOG_LEVEL: 'warn' }))
    }
    await Promise.all(gateways.map((gateway) => (running.get(gateway) as Launched).next('well')))
    while ((await on.admin.get<{ items: unknown[] }>('/v1/gateways', { site: SITE })).items.length < gateways.length) await sleep(200)
  })
  after(async () => {
    for (const one of running.values()) await one.kill()
    cli?.remove()
    await on?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  async function signed(update: PackedUpdate): Promise<string> {
    const { sealed } = await on.admin.post<{ sealed: string }>('/v1/gateway-updates/issues', update.draft, { site: SITE })
    const file = cli.file(`${update.draft.version}.twu`, '')
    writeFileSync(file, Buffer.concat([Buffer.from(sealed, 'base64'), update.payload]))
    return file
  }
  const look = (id: string) => cli.json<Update>('admin', `gateways updates ${id}`)
  async function until(id: string, what: (update: Update) => boolean): Promise<Update> {
    for (;;) {
      const update = await look(id)
      if (what(update)) return update
      await sleep(250)
    }
  }
  const statesOf = ({ gateways: all }: Update) => Object.fromEntries(all.map(({ gateway, state }) => [gateway, state]))
  const versions = async () => Promise.all(gateways.map(async (gateway) => (await (running.get(gateway) as Launched).health())?.version))

  it('reaches one gateway, then the others, each confirmed by its own reports; no reading is lost', async () => {
    const file = await signed(good)
    const { id, gateways: planned } = await cli.json<Update>('admin', `gateways update ${file} --stages gw-2 100% --settle 1s --reason`, 'a better one')
    assert.deepEqual(planned.map(({ gateway, stage }) => `${gateway} ${stage}`), ['gw-2 0', 'gw-1 1', 'gw-3 1'])
    assert.match((await cli.run('admin', `gateways update ${file} --stages 100% --reason`, 'twice')).err, /runs at site fleet already/)
    // The others are told only when the first has been well with it.
    await until(id, (update) => {
      const { 'gw-2': first, ...others } = statesOf(update)
      if (first !== 'done') assert.deepEqual(Object.values(others), ['waiting', 'waiting'])
      return update.stage === 1
    })
    const ended = await until(id, ({ state }) => state !== 'running')
    assert.deepEqual([ended.state, ended.endedBecause], ['completed', null])
    assert.deepEqual(await versions(), ['1.1.0', '1.1.0', '1.1.0'])
    const events = await on.sql<{ verb: string }>("select verb from audit_entry where subject = $1 order by audit_id", [`gateway-update/${id}`])
    assert.deepEqual(events.map(({ verb }) => verb), ['begin-gateway-update', 'advance-gateway-update', 'complete-gateway-update'])
  })

  it('stops by itself when the first gateway goes back; the others are never told', async () => {
    const file = await signed(packProgram(path.join(folder, 'bad'), '1.2.0', "throw new Error('no such module: spindle')"))
    const { id } = await cli.json<Update>('admin', `gateways update ${file} --stages gw-1 100% --settle 1s --reason`, 'a worse one')
    const ended = await until(id, ({ state }) => state !== 'running')
    assert.equal(ended.state, 'failed')
    assert.match(ended.endedBecause ?? '', /gw-1: it went back: .*no such module: spindle/)
    assert.deepEqual(statesOf(ended), { 'gw-1': 'failed', 'gw-2': 'waiting', 'gw-3': 'waiting' })
    assert.deepEqual(await versions(), ['1.1.0', '1.1.0', '1.1.0'])
    assert.match((await cli.run('admin', 'gateways gw-1')).out, /update 1\.2\.0 was rolled back/)
    const told = await on.sql("select from gateway_command where kind = 'update' and state in ('pending', 'accepted')")
    assert.equal(told.length, 0)
  })

  it('is stopped by one call: who has not got it does not get it; stopping twice is stopping once', async () => {
    const file = await signed({ ...good, draft: { ...good.draft, version: '1.3.0' } })
    const { id } = await cli.json<Update>('admin', `gateways update ${file} --stages gw-3 100% --settle 1h --reason`, 'slowly')
    await until(id, (update) => statesOf(update)['gw-3'] === 'well')
    for (let i = 0; i < 2; i++) assert.equal((await cli.json<Update>('admin', `gateways stop-update ${id} --reason`, 'enough')).state, 'stopped')
    const { state, gateways: all, endedBecause } = await look(id)
    assert.deepEqual([state, endedBecause, all.map((one) => one.state).sort()], ['stopped', 'enough', ['waiting', 'waiting', 'well']])
    // Damaged behind its signed manifest: refused here, before a gateway is told.
    const damaged = readFileSync(file)
    damaged[damaged.length - 1_000]! ^= 1
    const changed = cli.file('damaged.twu', '')
    writeFileSync(changed, damaged)
    assert.match((await cli.run('admin', `gateways update ${changed} --stages 100% --reason`, 'x')).err, /not what was signed \(its files\).*edge package/)
    // By a name that nobody has, by a file that was not sent whole, by nobody's right.
    assert.match((await cli.run('admin', `gateways update ${file} --stages gw-9 --reason`, 'x')).err, /No gateway gw-9 has reported/)
    await assert.rejects(on.admin.post('/v1/gateway-updates', { file: { digest: 'a'.repeat(64), bytes: 100 }, stages: [100], reason: 'x' }, { site: SITE }))
  })

  it('all that the machines gave meanwhile is on the platform, once and in order', async () => {
    const accounts = gateways.flatMap((gateway) => {
      const site = sites.get(gateway) as CountingSite
      const rounds = roundsToEnd(site)
      writeFileSync(path.join(folder, gateway, 'site.yaml'), countingSite({ ...site, rounds }))
      return countingAccounts(site, rounds)
    })
    const { given, stored, named } = await assertSettled(on, SITE, accounts)
    assert.deepEqual([stored, named], [given, 0])
  })
})
