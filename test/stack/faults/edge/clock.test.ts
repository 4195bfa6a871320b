import assert from 'node:assert/strict'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { before, describe, it } from 'node:test'
import { qualityReasonsOf } from '../../../../registry/domain/contract/quality.ts'
import { startBroker } from '../../../helpers/broker.ts'
import { startDevice } from '../../../helpers/modbus.ts'
import { standIn, type StandIn } from './at-receiver.ts'
import { modbusSource, serveCounter } from './counting-device.ts'
import { bundlePrograms, countingAccounts, countingSite, openBox, roundsToEnd, type CountingSite, type Programs } from './gateway.ts'

const HOUR_US = 3_600_000_000

/** Debian's libfaketime: a process sees another system clock, which a file tells while it runs. */
function findFakeTime(): string | undefined {
  for (const folder of ['/usr/lib', '/usr/lib64']) {
    for (const arch of existsSync(folder) ? ['.', ...readdirSync(folder).filter((name) => name.includes('-linux-'))] : []) {
      const file = path.join(folder, arch, 'faketime/libfaketime.so.1')
      if (existsSync(file)) return file
    }
  }
  return undefined
}

interface Row { readonly tag: string; readonly raw: number; readonly sourceUs: number; readonly gatewayUs: number; readonly quality: number; readonly arrivedUs: number }

function rowsOf({ receiver }: StandIn): Row[] {
  return [...receiver.batches.values()].flatMap(({ batch, firstUs }) => {
    if (batch.kind !== 'readings') return []
    const { tags, tag, raw, sourceUs, gatewayUs, quality } = batch.columns
    return Array.from(raw, (value, i) => ({ tag: tags[tag[i] ?? -1] ?? '', raw: value, sourceUs: sourceUs[i] ?? 0, gatewayUs: gatewayUs[i] ?? 0, quality: quality[i] ?? 0, arrivedUs: firstUs }))
  })
}

const fakeTime = findFakeTime()

describe('the system clock jumps by an hour, forward, back and further back', { skip: fakeTime === undefined ? 'libfaketime is not here (Debian: apt-get install libfaketime)' : false }, () => {
  let programs: Programs
  before(async () => { programs = await bundlePrograms() })

  it('is noticed and told in health and ledger; no reading is lost or misdated; source, gateway and arrival time are all there', async (t) => {
    const broker = await startBroker()
    const platform = await standIn(broker.connection, 'tower')
    const plc = await startDevice()
    const device = serveCounter(plc)
    const box = openBox({ program: programs.faults, mqtt: broker.connection })
    t.after(async () => {
      await box.clear()
      await plc.stop()
      await platform.close()
      await broker.stop()
    })
    const told = path.join(box.directory, 'system-clock')
    const setClock = (seconds: number) => { writeFileSync(told, `${seconds < 0 ? '' : '+'}${seconds}\n`) }
    setClock(0)
    const env = { LD_PRELOAD: fakeTime, FAKETIME_TIMESTAMP_FILE: told, FAKETIME_CACHE_DURATION: '1', FAKETIME_DONT_FAKE_MONOTONIC: '1' }
    const site: CountingSite = {
      site: 'tower', gateway: 'gw-1', asset: 'machine-1', tags: 3, startUs: Math.floor(Date.now() / 1000) * 1_000_000, stepUs: 10_000, rounds: 1_000_000_000,
      sources: modbusSource({ asset: 'machine-2', tags: 2, port: plc.port }),
    }
    box.write(countingSite(site))
    const edge = await box.start(env)
    const goesOn = async () => {
      const { counters } = (await edge.health()).body
      await edge.until((health) => (health.counters['acknowledged'] ?? 0) > (counters['acknowledged'] ?? 0) + 200)
    }
    await goesOn()
    let jumps = 0
    for (const seconds of [3_600, 0, -3_600, 0]) {
      setClock(seconds)
      jumps++
      await edge.until(({ clock }) => clock.jumps === jumps)
      // The platform has said whose time is right, or the clock is back.
      await edge.until(({ clock }) => clock.state === 'ok')
      await goesOn()
    }
    const { clock } = (await edge.health()).body
    assert.ok(Math.abs(clock.skewUs ?? Infinity) < 5_000_000, `${clock.skewUs}`)

    device.rest()
    const rounds = roundsToEnd(site)
    box.write(countingSite({ ...site, rounds }))
    await edge.until(({ buffer, counters }) => buffer.rows === 0 && (counters['appended'] ?? 0) >= rounds * site.tags)
    const { given, stored } = await platform.settled([...countingAccounts(site, rounds), ...device.accounts('machine-2', 2, new Set())])
    assert.equal(stored, given)

    const rows = rowsOf(platform).filter(({ raw }) => !Number.isNaN(raw))
    for (const { tag, raw, sourceUs, gatewayUs, arrivedUs } of rows) {
      assert.ok(Math.abs(gatewayUs - arrivedUs) < HOUR_US / 10, `${tag} ${raw}: the gateway's time is ${(gatewayUs - arrivedUs) / 1e6} s off`)
      if (tag.startsWith('machine-1/')) assert.equal(sourceUs, site.startUs + raw * site.stepUs)
      else assert.ok(Math.abs(sourceUs - gatewayUs) < HOUR_US / 10)
    }
    const doubted = rows.filter(({ quality }) => qualityReasonsOf(quality).includes('clock'))
    assert.ok(doubted.every(({ tag }) => tag.startsWith('machine-2/')), 'a machine that gives its own times is not doubted')
    const gaps = platform.ledger().filter(({ cause }) => cause === 'clock')
    assert.ok(gaps.length >= 2 && gaps.every(({ toUs }) => toUs !== null), JSON.stringify(gaps))

    // Started under a wrong clock there is nothing to compare with but the platform's.
    await edge.stop('SIGKILL')
    setClock(3_600)
    const wrong = await box.start(env)
    await wrong.until(({ clock: { skewUs } }) => skewUs !== null && Math.abs(skewUs - HOUR_US) < 10_000_000)
    assert.match(await wrong.metrics(), /^twinward_gateway_clock_skew_seconds 3[56]\d\d/m)
  })
})
