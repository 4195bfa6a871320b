import assert from 'node:assert/strict'
import { closeSync, existsSync, openSync, statSync, truncateSync, writeSync } from 'node:fs'
import path from 'node:path'
import { before, describe, it } from 'node:test'
import { startBroker } from '../../../helpers/broker.ts'
import type { EdgeProcess } from '../../../helpers/edge-process.ts'
import { seeded } from '../../../helpers/random.ts'
import { standIn } from './at-receiver.ts'
import { bundlePrograms, countingAccounts, countingSite, openBox, quick, roundsToEnd, type Box, type CountingSite, type Programs } from './gateway.ts'

const seed = Number(process.env['TWINWARD_TEST_SEED'] ?? '20266')
const BLOWS = 6

/** What a power cut, a worn flash or a bad cable may leave: the tail gone, or other bytes somewhere. */
function strike(file: string, kind: 'tail' | 'bytes', random: (n: number) => number): void {
  const { size } = statSync(file)
  if (kind === 'tail') {
    truncateSync(file, size - random(Math.floor(size / 3)) - 1)
    return
  }
  const handle = openSync(file, 'r+')
  for (let i = 0; i <= random(3); i++) writeSync(handle, Buffer.from(Array.from({ length: 1 + random(6_000) }, () => random(256))), 0, undefined, random(size - 6_000))
  closeSync(handle)
}

/** As systemd would: whatever ends by itself is started anew. */
async function startAnyhow(box: Box): Promise<EdgeProcess> {
  let reason: unknown
  for (let i = 0; i < 20; i++) {
    try {
      const edge = await box.start()
      await edge.until(({ buffer, counters }) => buffer.rows > 0 && (counters['appended'] ?? 0) > 0)
      return edge
    } catch (error) {
      reason = error
    }
  }
  throw new Error('it does not come back', { cause: reason })
}

describe(`a damaged buffer (seed ${seed})`, () => {
  let programs: Programs
  before(async () => { programs = await bundlePrograms() })

  for (const kind of ['tail', 'bytes'] as const) {
    it(`${kind === 'tail' ? 'its tail is cut off' : 'other bytes in it'}, ${BLOWS} times after a kill: it says so, keeps what it can under a new epoch, and the rest is a named loss`, async (t) => {
      const random = seeded(seed)
      const broker = await startBroker()
      const platform = await standIn(broker.connection, 'worn', { repeats: true })
      const box = openBox({ program: programs.faults, mqtt: broker.connection, options: { ...quick, cut: { rows: 1_000, waitMs: 50, queued: 3 } } })
      t.after(async () => {
        await box.clear()
        await platform.close()
        await broker.stop()
      })
      await broker.crash()
      const site: CountingSite = { site: 'worn', gateway: 'gw-1', asset: 'machine-1', tags: 5, startUs: (Math.floor(Date.now() / 1000) - 60) * 1_000_000, stepUs: 10_000, rounds: 1_000_000_000, block: 10 }
      box.write(countingSite(site))
      const file = path.join(box.buffer, 'buffer.mdb')
      /** Of all lives: other bytes may also hit pages that nobody uses, and then there is nothing to say. */
      const said: string[] = []
      for (let blow = 0; blow < BLOWS; blow++) {
        const edge = await startAnyhow(box)
        const { buffer, problems } = (await edge.health()).body
        said.push(...problems)
        await edge.until((health) => health.buffer.rows > buffer.rows + 2_000)
        await edge.stop('SIGKILL')
        strike(file, kind, random)
      }
      const edge = await startAnyhow(box)
      said.push(...(await edge.health()).body.problems)
      assert.ok(said.some((problem) => /damaged and has been set aside; .* readings of it are lost\. Check the disk/.test(problem)), said.join('\n'))
      assert.ok(existsSync(`${file}.damaged`))
      const rounds = roundsToEnd(site)
      box.write(countingSite({ ...site, rounds }))
      await broker.restart()
      await edge.until(({ connected, buffer }) => connected && buffer.rows === 0)
      const { given, stored, named } = await platform.settled(countingAccounts(site, rounds))
      assert.ok(platform.ledger().some(({ cause }) => cause === 'damaged'))
      t.diagnostic(`${given} given, ${stored} stored, ${named} named as lost`)
    })
  }
})
