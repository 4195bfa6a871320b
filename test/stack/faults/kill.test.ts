import assert from 'node:assert/strict'
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { after, before, describe, it } from 'node:test'
import { tsxArgs } from '../../../infra/node-child.ts'
import { waitFor } from '../../../infra/demo/wait.ts'
import { root } from '../../../infra/setup/paths.mjs'
import { startTestPlatform, type TestPlatform } from '../../helpers/platform.ts'
import { seeded } from '../../helpers/random.ts'
import type { CountingGateway } from './counting-gateway.ts'

const site = 'count-hall'
const tags = 10
const rounds = 4000
const times = 3
const victims = ['worker', 'landing', 'keeper', 'api', 'gateway'] as const
const seed = Number(process.env['TWINWARD_TEST_SEED'] ?? '20261')
/** On a whole window, so that it is known how many there must be. */
const startUs = Math.floor(Date.now() / 10_000 - 600) * 10_000_000

describe(`kill -9 in the middle of ingest (seed ${seed})`, () => {
  let on: TestPlatform | undefined
  let child: ChildProcess | undefined
  const platform = () => on as TestPlatform

  before(async () => {
    on = await startTestPlatform()
    const validFrom = '2020-01-01T00:00:00Z'
    const names = Array.from({ length: tags }, (_, i) => `count-${i}`)
    await on.admin.post('/v1/assets/import', {
      site: { id: site, name: 'Counting hall', kind: 'plant' }, areas: [{ id: 'hall', name: 'Hall' }], lines: [{ id: 'l', area: 'hall', name: 'L' }],
      assets: [{ id: 'machine-1', name: 'Machine 1', class: 'counter', family: 'counters', line: 'l', validFrom }],
      tags: names.map((name) => ({ asset: 'machine-1', name, role: name, unit: '[degF]', canonicalUnit: 'Cel', validFrom })),
    })
    await on.admin.post('/v1/feature-sets', {
      family: 'counters',
      definition: { name: 'counting', version: 1, windowUs: 10_000_000, hopUs: 10_000_000, features: names.slice(0, 3).map((name) => ({ name: `${name}-mean`, role: name, kind: 'mean' })) },
    }, { site })
  })
  after(async () => {
    child?.kill('SIGKILL')
    await on?.stop()
  })

  it('comes to the exact counts although every process was killed several times', async () => {
    const options: CountingGateway = {
      site, gateway: 'gw-count', bufferDirectory: path.join(platform().dir, 'edge'), mqtt: platform().platform.connections.mqtt,
      tags, rounds, roundsPerBlock: 10, startUs, pauseMs: 400,
    }
    let done = false
    const startGateway = async () => {
      const started = fork(path.join(root, 'test/stack/faults/counting-gateway.ts'), { execArgv: tsxArgs(), stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
      started.on('message', (message: { type: string }) => { if (message.type === 'done') done = true })
      started.send(options)
      child = started
      await once(started, 'message')
    }
    await startGateway()
    const random = seeded(seed)
    const { platform: running } = platform()
    const runs = (name: string) => name === 'gateway' || running.status().parts.some((part) => part.name === name && part.state === 'running')
    const left = new Map<string, number>(victims.map((name) => [name, times]))
    while (left.size > 0) {
      await sleep(100 + random(500))
      const there = [...left.keys()].filter(runs)
      const victim = there[random(there.length)]
      // All that are left are being started again: one that is not there cannot be killed.
      if (victim === undefined) continue
      if (victim === 'gateway') {
        assert.ok(!done, 'the gateway had shipped everything before it was killed often enough')
        child?.kill('SIGKILL')
        await startGateway()
      } else {
        running.kill(victim, 'SIGKILL')
      }
      const more = (left.get(victim) ?? 0) - 1
      if (more > 0) left.set(victim, more)
      else left.delete(victim)
    }
    assert.ok(!done, 'everything was shipped before the last kill')
    child?.send('hurry')
    await waitFor('the gateway to have everything acknowledged', () => Promise.resolve(done), 120_000)
    await waitFor('every batch to be settled', async () => {
      const [row] = await platform().sql<{ n: number; open: number }>("select count(*)::int as n, (count(*) filter (where windows_closed_at is null))::int as open from raw_batch")
      return row!.n > 0 && row!.open === 0
    })

    const [read] = await platform().sql<Record<'n' | 'places' | 'raw' | 'latest', number>>(
      `select count(*)::int as n, count(distinct (tag_key, source_time))::int as places, sum(raw)::float8 as raw, max(revision)::int as latest from reading`)
    const n = tags * rounds
    assert.deepEqual(read, { n, places: n, raw: (n * (n - 1)) / 2, latest: 0 })

    const batches = await platform().sql<{ state: string; sequence: number; commit_number: number; closed: boolean; accepted: number; lost: number }>(
      `select state, sequence::int, commit_number::int, windows_closed_at is not null as closed, (outcome->>'accepted')::int as accepted,
              (outcome->>'quarantined')::int as lost from raw_batch order by sequence`)
    assert.deepEqual(batches.map(({ sequence }) => sequence), batches.map((_, i) => i + 1))
    assert.deepEqual(batches.map(({ commit_number }) => commit_number).sort((a, b) => a - b), batches.map((_, i) => i + 1))
    assert.ok(batches.every(({ state, closed, lost }) => state === 'committed' && closed && lost === 0))
    assert.equal(batches.reduce((sum, { accepted }) => sum + accepted, 0), n)
    assert.equal((await platform().sql('select from quarantine')).length, 0)
  })

  it('has each window once, with the very numbers', async () => {
    const windows = await platform().sql<{ at: number; revision: number; feature_values: number[] }>(
      `select (extract(epoch from window_start) * 1000000)::float8 as at, revision::int, feature_values from feature_window order by window_end, revision`)
    const whole = Math.floor((rounds - 1) / 10)
    const celsius = (raw: number) => (raw - 32) / 1.8
    assert.deepEqual(windows.map(({ at, revision }) => [at, revision]), Array.from({ length: whole }, (_, i) => [startUs + i * 10_000_000, 0]))
    for (const [i, { feature_values }] of windows.entries()) {
      for (let tag = 0; tag < 3; tag++) {
        const expected = celsius((i * 10 + 4.5) * tags + tag)
        assert.ok(Math.abs(feature_values[tag]! - expected) < 1e-6, `window ${i}: ${feature_values[tag]} for ${expected}`)
      }
    }
  })

  it('runs as before', async () => {
    for (const { name } of platform().platform.status().parts.filter(({ kind }) => kind === 'process')) await platform().platform.whenRunning(name)
    assert.ok(platform().platform.status().parts.every(({ state }) => state === 'running'))
  })
})
