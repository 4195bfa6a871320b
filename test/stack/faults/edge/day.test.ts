import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { startTestPlatform, type TestPlatform } from '../../../helpers/platform.ts'
import { startTcpProxy, type TcpProxy } from '../../../helpers/tcp-proxy.ts'
import { bundlePrograms, countingAccounts, countingSite, openBox, roundsToEnd, type CountingSite, type Programs } from './gateway.ts'
import { assertSettled, importCounting } from './on-platform.ts'

const DAY_S = 86_400
const ASSET = 'machine-1'

describe('the platform is away for a day', () => {
  let on: TestPlatform
  let programs: Programs
  let proxy: TcpProxy
  const clearing: (() => Promise<void>)[] = []
  before(async () => {
    [on, programs] = await Promise.all([startTestPlatform(), bundlePrograms()])
    proxy = await startTcpProxy(Number(new URL(on.platform.connections.mqtt.url).port))
    for (const site of ['live-first', 'oldest-first']) await importCounting(on, site, { [ASSET]: { tags: 100, waveforms: 1 } })
  })
  after(async () => {
    for (const clear of clearing.reverse()) await clear()
    await (proxy as TcpProxy | undefined)?.close()
    await (on as TestPlatform | undefined)?.stop()
  })

  /**
   * 100 tags a second and a waveform each ten minutes for so long, in hurried time, with nobody to ship to; then the
   * connection comes back while the machine goes on. Where the source ends is told when all of the outage has arrived.
   */
  async function outage(order: 'live-first' | 'oldest-first', seconds: number) {
    const startUs = (Math.floor(Date.now() / 1000) - seconds) * 1_000_000
    const site: CountingSite = {
      site: order, gateway: 'gw-1', asset: ASSET, tags: 100, waveforms: 1, startUs, stepUs: 1_000_000, rounds: 1_000_000_000, block: 20,
      more: `outage: { order: ${order}, lateAfter: 10s }\nbuffer: { cap: 2 GiB }\n`,
    }
    proxy.freeze()
    const box = openBox({
      program: programs.faults, mqtt: { ...on.platform.connections.mqtt, url: `mqtt://127.0.0.1:${proxy.port}` },
      options: { clock: { startUs, speed: seconds / 15 }, reportEveryMs: 500, uplink: { reconnectMaxMs: 1_000, connectTimeoutMs: 1_000 } },
    })
    clearing.push(() => box.clear())
    box.write(countingSite(site))
    const edge = await box.start()
    const held = await edge.until(({ counters }) => (counters['appended'] ?? 0) >= (seconds - 20) * 100)
    assert.ok(!held.connected && held.buffer.rows >= (seconds - 20) * 100 && held.buffer.lostRows === 0)
    proxy.thaw()
    await edge.until(({ connected, buffer }) => connected && buffer.rows < 5_000)
    const rounds = roundsToEnd(site)
    box.write(countingSite({ ...site, rounds }))
    await edge.until(({ buffer, counters }) => buffer.rows === 0 && (counters['appended'] ?? 0) >= rounds * 100)
    await edge.stop()
    return assertSettled(on, order, countingAccounts(site, rounds), 180_000)
  }
  const lanes = (site: string) => on.sql<{ mode: string; first: number; last: number; batches: number }>(
    `select mode, min(commit_number)::int as first, max(commit_number)::int as last, count(*)::int as batches from raw_batch where site_id = $1 group by mode order by mode`, [site])

  it(`live first, ${DAY_S * 100} readings and ${DAY_S / 600} waveforms: the buffer holds them, what comes now goes first, the day follows as backfill, which pages nobody`, async (t) => {
    const { given, stored, named } = await outage('live-first', DAY_S)
    assert.ok(given >= DAY_S * 100)
    assert.deepEqual([stored, named], [given, 0])
    const [backfill, live] = await lanes('live-first')
    assert.ok(backfill?.mode === 'backfill' && live?.mode === 'live')
    assert.ok(live.first < backfill.last && live.last > backfill.first, 'the live lane did not wait for the backfill')
    const paged = await on.sql("select from outbox where site_id = 'live-first' and payload->>'type' like 'alert.%'")
    assert.equal(paged.length, 0)
    t.diagnostic(`${stored} stored in ${backfill.batches + live.batches} batches`)
  })

  it('oldest first, an hour of it: everything in the order in which it was measured, in one lane', async () => {
    const { given, stored, named } = await outage('oldest-first', 3_600)
    assert.deepEqual([stored, named], [given, 0])
    assert.deepEqual((await lanes('oldest-first')).map(({ mode }) => mode), ['live'])
    // It begins when the gateway has noticed, which takes a while in hurried time.
    const gaps = await on.sql<{ over: boolean; lost: number }>("select to_at > from_at as over, lost::float8 as lost from gap_entry where site_id = 'oldest-first' and cause = 'wan'")
    assert.ok(gaps.length > 0 && gaps.every(({ over, lost }) => over && lost === 0), JSON.stringify(gaps))
  })
})
