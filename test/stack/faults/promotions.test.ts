import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ApiClient } from '../../../infra/cli/api-client.ts'
import { CliError } from '../../../infra/cli/errors.ts'
import { waitFor } from '../../../infra/demo/wait.ts'
import { foundFamily, makePeople, millBatch, millFamily, millPlant, millPolicy, openGate, trainMill, type People } from '../../helpers/mill.ts'
import { settled, startTestPlatform, type TestPlatform } from '../../helpers/platform.ts'
import { seeded } from '../../helpers/random.ts'
import { connectRawGateway } from '../../helpers/raw-gateway.ts'

const seed = Number(process.env['TWINWARD_TEST_SEED'] ?? '20267')
const site = 'works'
const CHANGES = 100
const READERS = 50
const KILLS_EACH = 6
/** Not for longer and longer, as what ends again and again should: that would be a test of waiting. */
const restarts = { firstMs: 500, maxMs: 2_000, healthyMs: 60_000 }
const deadlines = { acknowledgeWithinSeconds: 3600, escalateAfterSeconds: 7200 }
/** Servers die by their part, processes of ours by their name. */
const victims = ['worker', 'api', 'temporal', 'postgres', 'keeper'] as const
const startUs = Math.floor(Date.now() / 60_000 - 60) * 60_000_000
/** What a caller sees while something is being started again, and asks once more. An API that died keeps the request's key for a while. */
const PASSING: ReadonlySet<string> = new Set(['in_progress', 'unreachable', 'unavailable', 'not_twinward', 'http_500', 'http_502', 'http_503', 'internal'])

describe(`${CHANGES} promotions and roll backs while processes and servers are killed (seed ${seed})`, () => {
  let on: TestPlatform
  let people: People
  let releases: string[]
  before(async () => {
    on = await startTestPlatform({ restarts })
    await on.admin.post('/v1/assets/import', millPlant(site, ['mill-1', 'mill-2']))
    people = await makePeople(on.admin, site)
    await foundFamily(people, on.admin, site, deadlines)
    const connection = await connectRawGateway(on.platform.connections.mqtt, site, 'gw-1')
    await connection.send(millBatch(site, 1, startUs, 0, 1200, { assets: ['mill-1', 'mill-2'] }))
    await connection.close()
    await settled(on, site, 1)
    const { release, gate } = await trainMill(people, site)
    await approve(gate)
    const { model } = await people.mia.get<{ model: { name: string; version: number } }>(`/v1/releases/${release}`, { site })
    releases = [release]
    for (let version = 2; version <= 5; version++) {
      await people.mia.post('/v1/policies', { family: millFamily, definition: millPolicy(version, deadlines) }, { site })
      releases.push((await people.mia.post<{ id: string }>('/v1/releases', { model: { name: model.name, version: model.version }, policyVersion: version }, { site })).id)
    }
  })
  after(async () => { await on?.stop() })

  /** Asks until it is answered; a refusal is an answer. */
  async function persist<T>(ask: () => Promise<T>): Promise<T> {
    for (const endMs = performance.now() + 240_000; ;) {
      try {
        return await ask()
      } catch (error) {
        if (!(error instanceof CliError) || !PASSING.has(error.code) || performance.now() > endMs) throw error
        await sleep(100)
      }
    }
  }
  const post = <T>(who: ApiClient, path: string, body: object, key?: string) => persist(() => who.post<T>(path, body, { site }, key))

  async function approve(gate: string): Promise<void> {
    const open = await persist(() => openGate(people.rita, site, gate, 240_000))
    for (const who of [people.ravi, people.rita]) {
      // Policy changes take one approval, and then the gate is closed to the second.
      const decided = await persist(() => who.post<{ state: string }>(`/v1/gates/${gate}/approve`, { evidenceDigest: open.evidenceDigest, comment: 'Seen.' }, { site }))
        .catch((error: unknown) => { if (error instanceof CliError && error.code === 'gate_closed') return { state: 'approved' }; throw error })
      if (decided.state === 'approved') return
    }
  }
  const champion = async () => (await persist(() => people.mia.get<{ items: { role: string; scope: string; release: { id: string } }[] }>(`/v1/families/${millFamily}/in-force`, { site })))
    .items.find(({ role, scope }) => role === 'champion' && scope === `family:${millFamily}`)!.release.id

  it('never shows zero or two champions to fifty readers, and records every decision once', { timeout: 900_000 }, async () => {
    const random = seeded(seed)
    const going = new AbortController()
    const reads = { done: 0, passing: 0 }
    const wrong: string[] = []
    const readers = Array.from({ length: READERS }, async (_, i) => {
      const asset = `mill-${1 + (i % 2)}`
      while (!going.signal.aborted) {
        try {
          const { items } = await people.rita.get<{ items: { role: string }[] }>(`/v1/assets/${asset}/in-force`, { site })
          reads.done++
          const champions = items.filter(({ role }) => role === 'champion').length
          if (champions !== 1) wrong.push(`${asset}: ${champions} champions`)
        } catch (error) {
          if (!(error instanceof CliError) || !PASSING.has(error.code)) wrong.push(String(error))
          reads.passing++
        }
        await sleep(250 + (i % 5) * 50)
      }
    })
    const kills = new Map<string, number>()
    const alive = () => victims.filter((name) => (kills.get(name) ?? 0) < KILLS_EACH)
    const killer = (async () => {
      while (!going.signal.aborted) {
        await sleep(2_000 + random(3_000), undefined, { signal: going.signal }).catch(() => undefined)
        const left = alive()
        const victim = left[random(left.length)]
        if (victim === undefined) return
        const server = victim === 'temporal' || victim === 'postgres'
        const there = on.platform.status().parts.some((part) => part.name === victim && part.state === 'running')
        if (!there || going.signal.aborted) continue
        if (server) on.platform.stack.killPart(victim, 'SIGKILL')
        else on.platform.kill(victim, 'SIGKILL')
        kills.set(victim, (kills.get(victim) ?? 0) + 1)
      }
    })()

    const made = { promoted: [] as string[], rolledOut: [] as string[], stopped: [] as string[], rolledBack: [] as string[] }
    try {
      // However fast this machine is, all of them have died before it is over.
      for (let change = 0; change < CHANGES || alive().length > 0; change++) {
        const now = await champion()
        // The first has nothing to go back to.
        const kind = change === 0 ? 4 : random(10)
        if (kind < 4) {
          const requestId = `back-${change}`
          await post(people.rita, `/v1/families/${millFamily}/roll-back`, { reason: 'back', requestId })
          made.rolledBack.push(requestId)
          continue
        }
        const others = releases.filter((release) => release !== now)
        const release = others[random(others.length)]!
        const rollout = kind < 7 ? undefined : {
          shadow: { dwellSeconds: 0, minWindows: 0 }, canary: { dwellSeconds: kind === 9 ? 3600 : 0, minWindows: 0, slice: { assets: ['mill-2'] } }, champion: { dwellSeconds: 0, minWindows: 0 }, checkEverySeconds: 1,
          guards: { latency: null },
        }
        const { gate } = await post<{ gate: string }>(people.mia, '/v1/gates', { release, reason: `change ${change}`, ...(rollout && { rollout }) }, randomUUID())
          // An API that died may have asked already; the gate that waits is the one.
          .catch(async (error: unknown) => {
            if (!(error instanceof CliError) || error.code !== 'conflict') throw error
            const [waiting] = await waitFor('the gate of a request whose answer was lost', async () => {
              const { items } = await persist(() => people.mia.get<{ items: { id: string; subject: string }[] }>('/v1/gates', { site, unsettled: 'true', family: millFamily }))
              return items.some(({ subject }) => subject === release) ? items.filter(({ subject }) => subject === release) : undefined
            }, 180_000)
            return { gate: waiting!.id }
          })
        await approve(gate)
        made.promoted.push(gate)
        if (rollout === undefined) continue
        made.rolledOut.push(gate)
        const look = () => persist(() => people.mia.get<{ state: string; stage: string }>(`/v1/rollouts/${gate}`, { site }))
        if (kind === 9) {
          await waitFor('the canary', async () => (await look()).stage === 'canary' || undefined, 240_000)
          await post(people.rita, `/v1/rollouts/${gate}/stop`, { reason: 'enough', requestId: `stop-${change}` })
          made.stopped.push(gate)
        } else {
          await waitFor('the champion', async () => (await look()).state === 'completed' || undefined, 240_000)
        }
      }
    } finally {
      going.abort()
      await Promise.all([killer, ...readers])
    }
    await waitFor('everything to be up again', async () => (await champion()).length > 0 || undefined, 120_000)

    assert.deepEqual(wrong, [])
    assert.ok(reads.done > CHANGES * 10, `${reads.done} reads`)
    const sql: TestPlatform['sql'] = (text, values) => on.sql(text, values)
    // Each decision once, each promotion one switch, each roll back one, each stop one.
    const twice = await sql('select gate_id, actor_id from gate_decision group by 1, 2 having count(*) > 1')
    assert.equal(twice.length, 0)
    for (const gate of made.promoted) {
      const rows = await sql<{ kind: string }>("select kind from ledger_entry where body::jsonb->>'gate' = $1 and kind in ('assignment.switched', 'gate.closed', 'rollout.started') order by kind", [gate])
      const wanted = made.stopped.includes(gate) ? ['gate.closed', 'rollout.started'] : made.rolledOut.includes(gate) ? ['assignment.switched', 'gate.closed', 'rollout.started'] : ['assignment.switched', 'gate.closed']
      assert.deepEqual(rows.map(({ kind }) => kind), wanted, gate)
    }
    for (const id of made.rolledBack) {
      assert.equal((await sql("select from ledger_entry where kind = 'assignment.rolled-back' and body::jsonb->>'requestId' = $1", [id])).length, 1, id)
    }
    // The seat of the family: one range after the other, without gap or overlap.
    const [seat] = await sql<{ n: number; torn: number; open: number }>(
      `select count(*)::int as n, count(*) filter (where next_from is not null and upper(valid) is distinct from next_from)::int as torn, count(*) filter (where upper_inf(valid))::int as open
       from (select valid, lead(lower(valid)) over (order by lower(valid)) as next_from from assignment where role = 'champion' and scope_kind = 'family') ranges`)
    assert.deepEqual(seat, { n: 1 + made.promoted.length - made.stopped.length + made.rolledBack.length, torn: 0, open: 1 })
    assert.equal((await sql("select from assignment where upper_inf(valid) and (role <> 'champion' or scope_kind = 'slice')")).length, 0, 'nothing of a rollout is left')
    const verified = await waitFor('the ledger to be sealed', async () => {
      const answer = await persist(() => on.admin.get<{ ok: boolean; pending: number; problem: string | null }>('/v1/ledger/verify', { site }))
      return answer.pending === 0 ? answer : undefined
    }, 120_000)
    assert.equal(verified.ok, true, verified.problem ?? '')
  })
})
