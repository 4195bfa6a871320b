import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createTrustedKeys } from '../../../../edge/judge/trusted-keys.ts'
import type { GatewayStatus } from '../../../../registry/domain/contract/gateway-report.ts'
import { createTestCli, type TestCli } from '../../../helpers/cli.ts'
import type { EdgeProcess } from '../../../helpers/edge-process.ts'
import { startTestPlatform, type TestPlatform } from '../../../helpers/platform.ts'
import { bundlePrograms, countingAccounts, countingSite, leisurely, openBox, roundsToEnd, type Box, type CountingSite, type Programs } from './gateway.ts'
import { assertSettled, importCounting, storedOn } from './on-platform.ts'

const SITE = 'configured'
const KILLS = 10

interface Update { id: string; kind: string; state: string; stage: number; endedBecause: string | null; gateways: { gateway: string; state: string; detail: string | null }[] }

/** Gateways that take site files, a platform with all its processes, and the commands that people use. */
describe('site files over a fleet', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'twinward-configure-'))
  const gateways = ['gw-1', 'gw-2', 'gw-3']
  const boxes = new Map<string, Box>()
  const running = new Map<string, EdgeProcess>()
  const sites = new Map<string, CountingSite>()
  let programs: Programs
  let on: TestPlatform
  let cli: TestCli
  const box = (gateway: string) => boxes.get(gateway) as Box
  const siteOf = (gateway: string) => sites.get(gateway) as CountingSite
  async function start(gateway: string): Promise<void> {
    running.set(gateway, await box(gateway).start({ STATE_DIRECTORY: box(gateway).directory }))
  }

  before(async () => {
    programs = await bundlePrograms()
    on = await startTestPlatform()
    await importCounting(on, SITE, Object.fromEntries(gateways.map((gateway) => [`m-${gateway}`, { tags: 3 }])))
    cli = createTestCli(on.platform.url, SITE, { admin: on.adminKey })
    const { publicKey } = await on.admin.get<{ publicKey: string }>('/v1/bundle-key')
    for (const gateway of gateways) {
      const directory = path.join(folder, gateway)
      mkdirSync(directory)
      boxes.set(gateway, openBox({ program: programs.faults, mqtt: on.platform.connections.mqtt, directory, options: { ...leisurely, tryTimes: { wellWithinMs: 8_000, settleMs: 500 } } }))
      // gw-3 trusts nobody.
      if (gateway !== 'gw-3') createTrustedKeys(path.join(directory, 'buffer', 'judge', 'keys')).trust(publicKey)
      sites.set(gateway, { site: SITE, gateway, asset: `m-${gateway}`, tags: 2, startUs: Math.floor(Date.now() / 1000) * 1_000_000, stepUs: 50_000, rounds: 1_000_000_000 })
      box(gateway).write(countingSite(siteOf(gateway)))
      await start(gateway)
    }
    while ((await on.admin.get<{ items: unknown[] }>('/v1/gateways', { site: SITE })).items.length < gateways.length) await sleep(200)
  })
  after(async () => {
    for (const one of boxes.values()) await one.clear()
    cli?.remove()
    await on?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  const order = async (texts: Readonly<Record<string, string>>, stages: unknown[], settleSeconds = 1) =>
    on.admin.post<Update>('/v1/gateway-updates/site-files', { files: Object.entries(texts).map(([gateway, text]) => ({ gateway, text })), stages, settleSeconds, withinSeconds: 120, reason: 'as asked' }, { site: SITE })
  async function ended(id: string): Promise<Update> {
    for (;;) {
      const update = await cli.json<Update>('admin', `gateways updates ${id}`)
      if (update.state !== 'running') return update
      await sleep(250)
    }
  }
  async function status(gateway: string): Promise<GatewayStatus | undefined> {
    const response = await fetch(`${(running.get(gateway) as EdgeProcess).url}/healthz`).catch(() => undefined)
    const body = await response?.json() as Partial<GatewayStatus> | undefined
    return body?.siteFile && body as GatewayStatus
  }
  async function until(gateway: string, what: (status: GatewayStatus) => boolean): Promise<GatewayStatus> {
    for (;;) {
      const found = await status(gateway)
      if (found && what(found)) return found
      await sleep(100)
    }
  }
  /** What the platform knows must be what is so. */
  async function told(gateway: string): Promise<void> {
    const { siteFile } = await until(gateway, ({ siteFile: now }) => now?.trial === false)
    for (;;) {
      const [row] = await on.sql<{ digest: string; trial: boolean }>("select status->'siteFile'->>'digest' as digest, (status->'siteFile'->>'trial')::boolean as trial from gateway_report where site_id = $1 and gateway_id = $2", [SITE, gateway])
      if (row?.digest === siteFile?.digest && row?.trial === false) return
      await sleep(100)
    }
  }

  it('a tag more reaches one gateway, then the other; what the boxes\' own files say stays as it was', async () => {
    for (const gateway of ['gw-1', 'gw-2']) sites.set(gateway, { ...siteOf(gateway), tags: 3 })
    const own = readFileSync(path.join(box('gw-1').directory, 'site.yaml'), 'utf8')
    // The commands know no counting source, so the file goes by the API; theirs are in test/stack/api.
    const { id, kind } = await order({ 'gw-1': countingSite(siteOf('gw-1')), 'gw-2': countingSite(siteOf('gw-2')) }, [['gw-2'], 100])
    assert.equal(kind, 'site-file')
    await assert.rejects(order({ 'gw-1': countingSite(siteOf('gw-1')) }, [100]), /runs at site configured already/)
    const end = await ended(id)
    assert.deepEqual([end.state, end.endedBecause], ['completed', null])
    for (const gateway of ['gw-1', 'gw-2']) {
      const { siteFile } = await until(gateway, () => true)
      assert.deepEqual([siteFile?.from, siteFile?.trial, siteFile?.last?.outcome], ['order', false, 'confirmed'])
      for (;;) {
        const [row] = await on.sql<{ n: number }>('select count(*)::int as n from reading_chunk c join tag t using (tag_ref) where t.tag_key = $1', [`m-${gateway}/n2`])
        if ((row?.n ?? 0) > 0) break
        await sleep(200)
      }
    }
    assert.equal(readFileSync(path.join(box('gw-1').directory, 'site.yaml'), 'utf8'), own)
  })

  it('one that cannot connect any more goes back by itself, and that ends it; it starts with the former one', async () => {
    await told('gw-1')
    const good = (await status('gw-1'))?.siteFile?.digest
    const { id } = await order({ 'gw-1': countingSite({ ...siteOf('gw-1'), more: 'platform: { mqtt: "mqtt://127.0.0.1:1" }' }), 'gw-2': countingSite({ ...siteOf('gw-2'), more: '# later' }) }, [['gw-1'], 100])
    const end = await ended(id)
    assert.deepEqual([end.state, end.gateways.map(({ state }) => state)], ['failed', ['failed', 'waiting']])
    assert.match(end.endedBecause ?? '', /gw-1: it went back: it was not well within 8 s: no connection to the platform, which there was before/)
    const back = await until('gw-1', ({ siteFile }) => siteFile?.digest === good)
    assert.match(back.problems.join('\n'), /the ordered site file [0-9a-f]{8} was rolled back: .*Order one that is mended/)
    await (running.get('gw-1') as EdgeProcess).stop('SIGKILL')
    await start('gw-1')
    assert.equal((await until('gw-1', () => true)).siteFile?.digest, good)
  })

  it('refuses what is not for it, what it does not trust, what has mistakes there, and what moves its buffer', async () => {
    const refused = async (gateway: string, text: string, why: RegExp) => {
      await told(gateway)
      const before = (await status(gateway))?.siteFile?.digest
      const end = await ended((await order({ [gateway]: text }, [100])).id)
      assert.equal(end.state, 'failed')
      assert.match(end.endedBecause ?? '', why)
      assert.equal((await status(gateway))?.siteFile?.digest, before)
    }
    await refused('gw-3', countingSite({ ...siteOf('gw-3'), tags: 3 }), /signed by key [0-9a-f]{64}, which this gateway does not trust/)
    await refused('gw-2', countingSite({ ...siteOf('gw-2'), gateway: 'gw-1' }), /is for gateway gw-1 of site configured, and this is gw-2/)
    await refused('gw-2', countingSite(siteOf('gw-2')).replace('health', 'heath'), /has mistakes: .*heath/)
    await refused('gw-2', countingSite({ ...siteOf('gw-2'), more: 'buffer: { directory: elsewhere }' }), /moves the buffer/)
    await refused('gw-2', countingSite({ ...siteOf('gw-2'), more: `platform: { mqtt: "${on.platform.connections.mqtt.url}", username: x, password: { env: NOT_SET_HERE } }` }), /lacks what the site file needs: .*NOT_SET_HERE/)
    await assert.rejects(order({ 'gw-9': 'version: 1' }, [100]), /No gateway gw-9 has reported/)
    await assert.rejects(order({ 'gw-1': 'version: 1' }, [['gw-2'], 100]), /no site file is for it/)
  })

  it('gives way to a person who edits the file at the box, and takes none over a change that the platform has not seen', async () => {
    await told('gw-2')
    const { id } = await order({ 'gw-2': countingSite({ ...siteOf('gw-2'), more: '# ordered' }) }, [100], 3600)
    await until('gw-2', ({ siteFile }) => siteFile?.last?.id !== undefined && siteFile.trial === false && siteFile.from === 'order' && siteFile.last.outcome === 'confirmed')
    while ((await cli.json<Update>('admin', `gateways updates ${id}`)).gateways[0]?.state !== 'well') await sleep(200)
    box('gw-2').write(countingSite({ ...siteOf('gw-2'), more: '# by hand' }))
    const end = await ended(id)
    assert.match(end.endedBecause ?? '', /gw-2: (it went back: somebody changed the site file at the box|another site file is in force there)/)
    const { siteFile } = await until('gw-2', ({ siteFile: now }) => now?.from === 'file')
    assert.equal(siteFile?.last?.outcome, 'gave_way')
    // Ordered by what the platform knew, changed meanwhile.
    await told('gw-2')
    await (running.get('gw-2') as EdgeProcess).stop('SIGTERM')
    const stale = await order({ 'gw-2': countingSite({ ...siteOf('gw-2'), more: '# ordered again' }) }, [100])
    box('gw-2').write(countingSite({ ...siteOf('gw-2'), more: '# by another hand' }))
    await start('gw-2')
    assert.match((await ended(stale.id)).endedBecause ?? '', /gw-2: it refuses: the site file was changed at the box: [0-9a-f]{8} is there.*take that change over/)
  })

  it('is stopped by one call: who has not got it does not get it', async () => {
    await Promise.all(['gw-1', 'gw-2'].map(told))
    const { id } = await order({ 'gw-1': countingSite({ ...siteOf('gw-1'), more: '# a' }), 'gw-2': countingSite({ ...siteOf('gw-2'), more: '# b' }) }, [['gw-1'], 100], 3600)
    await until('gw-1', ({ siteFile }) => siteFile?.trial === false && siteFile.last?.outcome === 'confirmed')
    const stopped = await cli.json<Update>('admin', `gateways stop-update ${id} --reason`, 'enough')
    assert.deepEqual([stopped.state, stopped.gateways[1]?.state], ['stopped', 'waiting'])
  })

  it(`killed at ${KILLS} random moments of it, the gateway starts with one or the other; not a reading is lost`, async () => {
    for (let i = 0; i < KILLS; i++) {
      await told('gw-1')
      const before = (await status('gw-1'))?.siteFile?.digest
      const { id } = await order({ 'gw-1': countingSite({ ...siteOf('gw-1'), more: `# change ${i}\nuplink: { bandwidth: ${100 + i} MB/s }` }) }, [100])
      const [row] = await on.sql<{ wanted: string }>('select wanted from gateway_update_target where update_id = $1', [id])
      await sleep(Math.random() * 3_000)
      await (running.get('gw-1') as EdgeProcess).stop('SIGKILL')
      await start('gw-1')
      const now = await until('gw-1', () => true)
      assert.ok([before, row?.wanted].includes(now.siteFile?.digest), `start ${i}`)
      const end = await ended(id)
      assert.equal(end.state, 'completed', end.endedBecause ?? '')
    }
    const stored = await storedOn(on, SITE)
    const accounts = gateways.flatMap((gateway) => {
      const site = siteOf(gateway)
      const rounds = roundsToEnd(site)
      box(gateway).write(countingSite({ ...site, rounds }))
      // The third tag came on the way: from its first reading on it has all.
      const begin = (tag: string) => (tag.endsWith('/n2') ? Math.min(...stored.filter((run) => run.tag === tag).map(({ first }) => first)) : 0)
      return countingAccounts(site, rounds).map((account) => ({ ...account, given: [{ first: begin(account.tag), last: rounds - 1 }] }))
    })
    const { given, named } = await assertSettled(on, SITE, accounts)
    assert.ok(given > 0)
    assert.equal(named, 0)
  })
})
