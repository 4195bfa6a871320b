import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Balance, SourceAccount } from '../../../helpers/accounts.ts'
import { startBroker, type TestBroker } from '../../../helpers/broker.ts'
import type { EdgeProcess } from '../../../helpers/edge-process.ts'
import { startDevice } from '../../../helpers/modbus.ts'
import { startTestPlatform, type TestPlatform } from '../../../helpers/platform.ts'
import { seeded } from '../../../helpers/random.ts'
import { startTcpProxy } from '../../../helpers/tcp-proxy.ts'
import { bundlePrograms, countingAccounts, countingSite, openBox, quick, roundsToEnd, type Box, type CountingSite, type Programs } from './gateway.ts'
import { startMixer } from './mixer.ts'
import { modbusSite, serveCounter } from './counting-device.ts'
import { assertSettled, importCounting } from './on-platform.ts'

const seed = Number(process.env['TWINWARD_TEST_SEED'] ?? '20264')
/** 200 in all. */
const KILLS = { 'kill-1': 60, 'kill-2': 60, 'kill-3': 40, 'kill-4': 40 } as const
const ASSET = 'machine-1'
const TAGS = 5
const WAVEFORMS = 1

describe(`faults between a running gateway and the platform (seed ${seed})`, () => {
  let on: TestPlatform
  let programs: Programs
  const clearing: (() => Promise<void>)[] = []
  const broker = () => on.platform.connections.mqtt

  before(async () => {
    [on, programs] = await Promise.all([startTestPlatform(), bundlePrograms()])
    for (const site of ['kill-1', 'kill-2', 'cut', 'mixed', 'broker']) await importCounting(on, site, { [ASSET]: { tags: TAGS, waveforms: WAVEFORMS } })
    for (const site of ['kill-3', 'kill-4']) await importCounting(on, site, { [ASSET]: { tags: TAGS } })
  })
  after(async () => {
    for (const clear of clearing.reverse()) await clear()
    await (on as TestPlatform | undefined)?.stop()
  })

  const open = (options: Omit<Parameters<typeof openBox>[0], 'program'> & { program?: keyof Programs }): Box => {
    const box = openBox({ options: { ...quick, cut: { rows: 2_000, waitMs: 100 } }, ...options, program: programs[options.program === 'run' ? 'run' : 'faults'] })
    clearing.push(() => box.clear())
    return box
  }
  const counting = (site: string): CountingSite => ({
    site, gateway: 'gw-1', asset: ASSET, tags: TAGS, waveforms: WAVEFORMS, startUs: Math.floor(Date.now() / 1000) * 1_000_000, stepUs: 10_000, rounds: 1_000_000_000,
  })

  /** Tells the source where to end, and waits until all of it is acknowledged. */
  async function finish(box: Box, edge: EdgeProcess, site: CountingSite): Promise<SourceAccount[]> {
    const rounds = roundsToEnd(site)
    box.write(countingSite({ ...site, rounds }))
    const accounts = countingAccounts(site, rounds)
    const given = accounts.reduce((sum, { given: runs }) => sum + runs.reduce((n, { first, last }) => n + last - first + 1, 0), 0)
    await edge.until(({ buffer, counters }) => buffer.rows === 0 && (counters['appended'] ?? 0) >= given)
    return accounts
  }

  describe('side by side', { concurrency: 6 }, () => {
    for (const name of ['kill-1', 'kill-2'] as const) {
      it(`kill -9 at ${KILLS[name]} random moments (${name}): a source that can give again loses nothing`, async () => {
        const random = seeded(seed + Number(name.at(-1)))
        const site = counting(name)
        const box = open({ mqtt: broker() })
        box.write(countingSite(site))
        for (let i = 0; i < KILLS[name]; i++) await box.liveAndDie(random(4) === 0 ? 'birth' : 'ready', random(500))
        assertAllStored(await assertSettled(on, name, await finish(box, await box.start(), site)))
      })
    }

    for (const name of ['kill-3', 'kill-4'] as const) {
      it(`kill -9 at ${KILLS[name]} random moments (${name}) of \`edge run\`: Modbus cannot give again what a dying process had asked for, at most one answer a life; nothing else is lost`, async (t) => {
        const random = seeded(seed + Number(name.at(-1)))
        const device = await startDevice()
        t.after(() => device.stop())
        const counter = serveCounter(device)
        const box = open({ mqtt: broker(), program: 'run' })
        box.write(modbusSite({ site: name, asset: ASSET, tags: TAGS, port: device.port }))
        const untaken = new Set<number>()
        for (let i = 0; i < KILLS[name]; i++) {
          await box.liveAndDie(random(4) === 0 ? 'birth' : 'ready', random(1_600))
          untaken.add(counter.last())
        }
        const edge = await box.start()
        const before_ = counter.last()
        await edge.until(() => counter.last() > before_ + 20)
        counter.rest()
        await edge.until(({ buffer }) => buffer.rows === 0)
        const sources = counter.accounts(ASSET, TAGS, untaken)
        const { given, stored, untaken: lost } = await assertSettled(on, name, sources)
        assert.ok(stored >= 20 * TAGS && lost <= KILLS[name] * TAGS)
        assert.equal(given, stored + lost, 'beyond what a dying process had asked for, something is missing')
        const off = await on.sql("select from gap_entry where site_id = $1 and cause = 'gateway_off' and to_at is not null", [name])
        assert.ok(off.length > 0, 'the ledger says that the gateway was off')
        t.diagnostic(`${stored} stored, ${lost} asked for by a dying process`)
      })
    }

    it('the network is cut, and half open (connected, nothing passes): nothing is lost, twice or out of order', async () => {
      const random = seeded(seed + 5)
      const proxy = await startTcpProxy(Number(new URL(broker().url).port))
      clearing.push(() => proxy.close())
      const site = counting('cut')
      const box = open({ mqtt: { ...broker(), url: `mqtt://127.0.0.1:${proxy.port}` } })
      box.write(countingSite(site))
      const edge = await box.start()
      for (let i = 0; i < 6; i++) {
        await edge.until(({ connected }) => connected)
        await sleep(300 + random(1_000))
        if (i % 2 === 0) {
          proxy.breakOff()
          await sleep(random(300))
          continue
        }
        proxy.freeze()
        // The gateway finds out by itself: by pings that nobody answers.
        await edge.until(({ connected }) => !connected)
        await sleep(random(500))
        proxy.thaw()
      }
      assertAllStored(await assertSettled(on, 'cut', await finish(box, edge, site)))
      const gaps = await on.sql<{ open: boolean; lost: number }>("select to_at is null as open, lost::float8 as lost from gap_entry where site_id = 'cut' and cause = 'wan'")
      assert.ok(gaps.length >= 3 && gaps.every(({ open: going, lost }) => !going && lost === 0), JSON.stringify(gaps))
    })

    it('batches come doubled and in another order: nothing is lost, twice or out of order', async () => {
      const near: TestBroker = await startBroker()
      clearing.push(() => near.stop())
      const mixer = await startMixer({ near: near.connection, far: broker(), site: 'mixed', gateway: 'gw-1', random: seeded(seed + 6) })
      clearing.push(() => mixer.close())
      const site = counting('mixed')
      const box = open({ mqtt: near.connection })
      box.write(countingSite(site))
      const edge = await box.start()
      await edge.until(({ counters }) => (counters['acknowledged'] ?? 0) > 3_000)
      assertAllStored(await assertSettled(on, 'mixed', await finish(box, edge, site)))
      assert.ok(mixer.counts.sent > mixer.counts.came * 1.5)
    })
  })

  it('the broker is killed, with and without what it had on disk: nothing is lost, twice or out of order', async () => {
    const random = seeded(seed + 7)
    const site = counting('broker')
    const box = open({ mqtt: broker() })
    box.write(countingSite(site))
    const edge = await box.start()
    for (let i = 0; i < 4; i++) {
      await edge.until(({ connected, counters }) => connected && (counters['acknowledged'] ?? 0) > 0)
      await sleep(300 + random(700))
      on.platform.stack.killPart('mqtt', 'SIGKILL')
      await edge.until(({ connected }) => !connected)
      await on.platform.stack.whenRunning('mqtt')
      if (i % 2 === 1) await on.platform.stack.restartPart('mqtt', { wipe: true })
    }
    assertAllStored(await assertSettled(on, 'broker', await finish(box, edge, site)))
  })
})

/** Nothing of this was to be lost, named or not. */
function assertAllStored({ given, stored }: Balance): void {
  assert.ok(given > 0)
  assert.equal(stored, given)
}
