import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { createApiClient } from '../../../infra/cli/api-client.ts'
import { loadConfig } from '../../../infra/config.ts'
import { waitFor } from '../../../infra/demo/wait.ts'
import { ledgerSigner } from '../../../infra/ledger-key.ts'
import { findMqtt } from '../../../infra/local-mqtt.ts'
import { findRemembered } from '../../../infra/pid-file.ts'
import { statusFile, type PlatformStatus } from '../../../infra/status-file.ts'
import { approve, foundFamily, makePeople, millBatch, millFamily, millPlant, openGate, trainMill, type People } from '../../helpers/mill.ts'
import { freeProgramArgs } from '../../helpers/own-program.ts'
import { freshDataDir, platformEnv } from '../../helpers/platform.ts'
import { connectRawGateway } from '../../helpers/raw-gateway.ts'

const site = 'works'
const startUs = Math.floor(Date.now() / 60_000 - 120) * 60_000_000

interface Totals { batches: number; waiting: number; readings: number; windows: number; scores: number; repeated: number; quarantined: number }

describe('stop and start on the same data', () => {
  let dir = ''
  let child: ChildProcess | undefined
  let url = ''
  let adminKey = ''
  let keys: Record<keyof People, string> | undefined
  let gate = ''
  let sequence = 0
  let before_: Totals | undefined

  const admin = () => createApiClient(url, adminKey)
  const as = (who: keyof People) => createApiClient(url, keys?.[who])
  const totals = () => admin().get<Totals>('/v1/batches/totals', { site })
  const settledTotals = () => waitFor('every batch to be settled', async () => {
    const found = await totals()
    return found.waiting === 0 && found.batches >= sequence ? found : undefined
  })
  const deliver = async (...spans: [fromS: number, toS: number][]) => {
    const mqtt = findMqtt(loadConfig(platformEnv(dir)))
    assert.ok(mqtt)
    const gateway = await connectRawGateway(mqtt, site, 'gw-1')
    const answers = await Promise.all(spans.map(([fromS, toS]) => gateway.send(millBatch(site, ++sequence, startUs, fromS, toS))))
    await gateway.close()
    assert.ok(answers.every(({ status }) => status === 'stored'))
  }
  const start = async () => {
    const started = spawn(process.execPath, await freeProgramArgs('infra/bin/platform.ts'), { env: platformEnv(dir), stdio: ['ignore', 'pipe', 'pipe'] })
    child = started
    let said = ''
    for (const stream of [started.stdout, started.stderr]) stream.on('data', (chunk: Buffer) => { said += chunk.toString() })
    await waitFor('the platform to be up', () => {
      if (started.exitCode !== null) throw new Error(`the platform ended:\n${said}`)
      return Promise.resolve(said.includes('Twinward is up'))
    })
    url = (JSON.parse(await readFile(statusFile(dir), 'utf8')) as PlatformStatus).url
    adminKey = (await readFile(path.join(dir, 'admin-key'), 'utf8')).trim()
    return { said: () => said }
  }
  const end = async (signal: NodeJS.Signals) => {
    const ending = child as ChildProcess
    const exited = once(ending, 'exit')
    ending.kill(signal)
    await exited
    return ending.exitCode
  }
  const running = async () => (await readdir(path.join(dir, 'run'))).filter((file) => findRemembered(path.join(dir, 'run', file)) !== undefined)

  before(async () => { dir = await freshDataDir() })
  after(async () => {
    if (child?.exitCode === null && child.signalCode === null) await end('SIGTERM')
    if (dir !== '') await waitFor('nothing to be left running', async () => (await running().catch(() => [])).length === 0, 15_000)
    await rm(dir, { recursive: true, force: true })
  })

  it('works, and stops in order at SIGTERM with nothing left running', async () => {
    await start()
    await admin().post('/v1/assets/import', millPlant(site))
    const made = await makePeople(admin(), site)
    keys = made.keys
    await foundFamily(made, admin(), site, { acknowledgeWithinSeconds: 3600, escalateAfterSeconds: 7200 })
    await deliver([0, 600], [600, 1200])
    await settledTotals()
    gate = (await trainMill(made, site)).gate
    await openGate(made.rita, site, gate)
    before_ = await totals()
    assert.equal(await end('SIGTERM'), 0)
    assert.deepEqual(await running(), [])
  })

  it('comes back with all it knew, keys and the waiting gate included', async () => {
    await start()
    assert.deepEqual(await totals(), before_)
    assert.equal(before_?.readings, 3600)
    assert.equal((await as('rita').get<{ state: string }>(`/v1/gates/${gate}`, { site })).state, 'open')
  })

  it('comes back from kill -9 of its parent in the middle of ingest', async () => {
    await deliver(...Array.from({ length: 12 }, (_, i): [number, number] => [1200 + i * 10, 1210 + i * 10]))
    await end('SIGKILL')
    await start()
    const after_ = await settledTotals()
    assert.deepEqual([after_.batches, after_.readings, after_.windows, after_.repeated, after_.quarantined], [14, 1320 * 3, 131, 0, 0])
  })

  it('takes the approvals the gate has waited for, and judges from then on', async () => {
    const open = await openGate(as('rita'), site, gate)
    const decide = (who: 'ravi' | 'rita') => waitFor(`${who}'s approval`, () => approve(as(who), site, open).catch((error: { code?: string }) => {
      // Its workflow may be on its way back.
      if (error.code === 'unavailable' || error.code === 'not_found') return undefined
      throw error
    }))
    await decide('ravi')
    assert.equal((await decide('rita')).state, 'approved')
    await deliver([1320, 1400])
    const { scores } = await settledTotals()
    assert.equal(scores, 8)
    const inForce = await as('rita').get<{ items: { release: { id: string } }[] }>(`/v1/families/${millFamily}/in-force`, { site })
    assert.deepEqual(inForce.items.map(({ release }) => release.id), [open.release])
    // Sealed and signed within a second or two, by the one key that was made at the first start.
    const ledger = await waitFor('the newest checkpoint', async () => {
      const answer = await as('rita').get<{ ok: boolean; pending: number; sites: { signedBy: string | null }[] }>('/v1/ledger/verify', { site })
      return answer.pending === 0 && answer.sites[0]?.signedBy ? answer : undefined
    })
    assert.ok(ledger.ok)
    assert.equal(ledger.sites[0]?.signedBy, ledgerSigner(dir).keyId)
  })
})
