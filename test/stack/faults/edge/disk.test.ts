import assert from 'node:assert/strict'
import { before, describe, it, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startBroker, type TestBroker } from '../../../helpers/broker.ts'
import type { EdgeProcess } from '../../../helpers/edge-process.ts'
import { startDevice } from '../../../helpers/modbus.ts'
import { standIn, type StandIn } from './at-receiver.ts'
import { modbusSource, serveCounter, type CountingDevice } from './counting-device.ts'
import { bundlePrograms, countingAccounts, countingSite, openBox, quick, type Box, type CountingSite, type Programs } from './gateway.ts'
import { canMount, makeSmallDisk, type SmallDisk } from './small-disk.ts'

interface Stage { disk: SmallDisk; broker: TestBroker; platform: StandIn; box: Box; site: CountingSite; device: CountingDevice }

describe('a disk that takes no writes', { skip: canMount() ? false : 'only root may mount a small disk' }, () => {
  let programs: Programs
  before(async () => { programs = await bundlePrograms() })

  /** A machine that remembers (300,000 readings, all due) and one that does not, on a disk of 40 MB. */
  async function stage(t: TestContext): Promise<Stage> {
    const broker = await startBroker()
    const platform = await standIn(broker.connection, 'small')
    const disk = await makeSmallDisk(40)
    const plc = await startDevice()
    const device = serveCounter(plc)
    const box = openBox({ program: programs.faults, mqtt: broker.connection, through: disk.through, options: { ...quick, cut: { rows: 5_000, waitMs: 50 } } })
    t.after(async () => {
      await box.clear()
      await plc.stop()
      await platform.close()
      await broker.stop()
      await disk.remove()
    })
    const site: CountingSite = {
      site: 'small', gateway: 'gw-1', asset: 'machine-1', tags: 10, startUs: (Math.floor(Date.now() / 1000) - 3_600) * 1_000_000, stepUs: 10_000, rounds: 30_000, block: 100,
      more: `buffer: { directory: ${disk.directory}/buffer, cap: 1 GiB }\n`, sources: modbusSource({ asset: 'machine-2', tags: 2, port: plc.port }),
    }
    box.write(countingSite(site))
    return { disk, broker, platform, box, site, device }
  }

  const isFull = ({ problems }: { problems: readonly string[] }) => problems.some((problem) => /the disk of the buffer .* takes no writes .*; free some space, or check the disk/.test(problem))

  /** Both machines come to rest, and everything is accounted for; a process killed while it waited had one answer (two readings) in hand. */
  async function settle({ platform, site, device }: Stage, edge: EdgeProcess, inHand = 0): Promise<void> {
    const already = device.last()
    await edge.until(() => device.last() > already + 10)
    device.rest()
    await edge.until(({ buffer }) => buffer.rows === 0)
    const lost = async () => {
      const { given, stored } = await platform.settled([...countingAccounts(site, site.rounds), ...device.accounts('machine-2', 2, new Set())])
      return given - stored
    }
    // The last answer may be on its way when the buffer is looked at: what is lost stays lost, and what comes has come soon.
    for (const endMs = performance.now() + 10_000; performance.now() < endMs && await lost() > inHand;) await sleep(100)
    assert.ok(await lost() <= inHand, `${await lost()} are lost, though a machine is not asked while the disk is full`)
    await platform.named('disk')
  }

  it('full, without a connection: it says so, keeps what it has; connected again it ships all of that, and goes on in the room it left, the disk as full as before', async (t) => {
    const on = await stage(t)
    const { broker, disk, box } = on
    await broker.crash()
    const edge = await box.start()
    await edge.until(({ buffer }) => buffer.rows > 0)
    disk.fill(3_000_000)
    const ill = await edge.until(isFull)
    assert.equal((await edge.health()).status, 503)
    assert.equal(ill.state, 'degraded')
    assert.match(await edge.metrics(), /^twinward_gateway_up 0$/m)
    disk.fill(0)
    await sleep(1_500)
    const kept = (await edge.health()).body.buffer.rows
    assert.ok(kept >= ill.buffer.rows, `${kept} of ${ill.buffer.rows} rows are left`)
    await broker.restart()
    // All 300,000 pass through a buffer that may not grow.
    await edge.until(({ counters, problems }) => (counters['appended'] ?? 0) > 300_000 && !isFull({ problems }))
    assert.equal((await edge.health()).status, 200)
    await settle(on, edge)
  })

  it('full, and killed there: it starts again, and goes on when there is room', async (t) => {
    const on = await stage(t)
    const { broker, disk, box } = on
    await broker.crash()
    const first = await box.start()
    await first.until(({ buffer }) => buffer.rows > 0)
    disk.fill(2_000_000)
    await first.until(isFull)
    disk.fill(0)
    const { rows } = (await first.health()).body.buffer
    await first.stop('SIGKILL')
    const edge = await box.start()
    await edge.until(isFull)
    assert.ok((await edge.health()).body.buffer.rows >= rows)
    disk.empty()
    await edge.until((health) => !isFull(health) && health.buffer.rows > rows)
    await broker.restart()
    await edge.until(({ buffer, counters }) => (counters['appended'] ?? 0) > 300_000 && buffer.rows < 1_000)
    await settle(on, edge, 2)
  })

  it('read-only: it says so instead of ending, and starts when it is mended', async (t) => {
    const on = await stage(t)
    const { disk, box } = on
    const first = await box.start()
    await first.until(({ counters }) => (counters['acknowledged'] ?? 0) > 10_000)
    await first.stop('SIGKILL')
    disk.readOnly(true)
    const edge = await box.start()
    const ill = await edge.until(({ problems }) => problems.some((problem) => /Read-only file system/.test(problem)))
    assert.equal((await edge.health()).status, 503)
    assert.match(ill.problems.join(), /free space and disk/)
    disk.readOnly(false)
    await edge.until(({ connected, counters }) => connected && (counters['appended'] ?? 0) > 300_000)
    assert.equal((await edge.health()).status, 200)
    assert.deepEqual((await edge.stop()).code, 0)
  })

  it('damaged, and no room for a mended one beside it: it waits for room instead of ending, then says what is lost', async (t) => {
    const on = await stage(t)
    const { broker, disk, box } = on
    await broker.crash()
    const first = await box.start()
    await first.until(({ buffer }) => buffer.rows > 150_000)
    await first.stop('SIGKILL')
    // One of LMDB's two meta pages: all else can be read.
    disk.spoil('buffer/buffer.mdb')
    disk.fill(500_000)
    const edge = await box.start()
    const ill = await edge.until(({ problems }) => problems.some((problem) => /takes no writes \(its file is damaged; .* bytes, and \d+ are free\)/.test(problem)))
    assert.equal((await edge.health()).status, 503)
    assert.match(ill.problems.join(), /free some space/)
    disk.empty()
    const mended = await edge.until(({ problems }) => problems.some((problem) => /damaged and has been set aside/.test(problem)))
    assert.ok(mended.buffer.rows > 0)
    await broker.restart()
    await edge.until(({ connected, buffer, counters }) => connected && buffer.rows < 1_000 && (counters['acknowledged'] ?? 0) > 100_000)
    assert.deepEqual((await edge.stop()).code, 0)
  })
})
