import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createTestCli, type TestCli } from '../../helpers/cli.ts'
import { codeOf, startGovernanceApi, type GovernanceApi, type GovernancePerson, type Problem } from '../../helpers/governance-api.ts'
import { until, type GovernanceSite } from '../../helpers/governance.ts'

interface Rollout { id: string; state: string; stage: string; ready: boolean; endedBecause: string | null; plan: { canary: { assets: string[] } | null }; checks: { stage: string; readings: { guard: string; text: string }[] }[] }

/** The whole way over HTTP and by the CLI, driven by the workflow. Nothing is scored here: stages ask for no windows. */
describe('rollouts over HTTP', () => {
  let desk: GovernanceApi<GovernancePerson>
  let plant: GovernanceSite
  let cli: TestCli
  before(async () => {
    desk = await startGovernanceApi()
    plant = desk.plant
    cli = createTestCli(desk.api.address, plant.site, desk.keys)
    await plant.govern({ 'promote-model': { requiredApprovals: 1 } })
    await approve((await desk.call<{ gate: string }>('mia', 'POST', '/v1/gates', { release: (await plant.release()).release, reason: 'first' })).body.gate)
  })
  after(async () => {
    cli?.remove()
    await desk?.end()
  })

  async function approve(gate: string): Promise<void> {
    const evidenceDigest = await plant.whenOpen(gate)
    assert.equal((await desk.call('rita', 'POST', `/v1/gates/${gate}/approve`, { evidenceDigest })).status, 200)
  }
  async function promote(release: string, options: string): Promise<string> {
    const { gate } = await cli.json<{ gate: string }>('mia', `promote ${release} ${options} --check-every 1s --reason`, 'it is better')
    return gate
  }
  const look = async (id: string) => (await desk.call<Rollout>('vera', 'GET', `/v1/rollouts/${id}`)).body
  const when = (id: string, what: (rollout: Rollout) => boolean) => until(`rollout ${id}`, async () => {
    const found = await look(id)
    return what(found) ? found : null
  })

  it('goes from the request to the champion by itself, and every step is told', async () => {
    const { release } = await plant.release()
    const gate = await promote(release, '--shadow 1s --canary 1s --slice 50% --watch 1s --windows 0')
    assert.match(await cli.says('rita', `gates show ${gate}`), /once approved: scores beside the champion for 1 s; then judges pump-\d for 1 s; then judges all, watched for 1 s/)
    const asked = (await desk.call<{ rollout: Rollout['plan']; evidence: { rollout: unknown } }>('rita', 'GET', `/v1/gates/${gate}`)).body
    await plant.whenOpen(gate)
    assert.deepEqual((await desk.call<typeof asked>('rita', 'GET', `/v1/gates/${gate}`)).body.evidence.rollout, asked.rollout, 'approvals bind to the plan too')
    assert.equal(asked.rollout.canary?.assets.length, 1)
    assert.deepEqual(codeOf(await desk.call('vera', 'GET', `/v1/rollouts/${gate}`)), [404, 'not_found'], 'nothing begins before it is approved')
    await approve(gate)
    const done = await when(gate, ({ state }) => state !== 'running')
    assert.deepEqual([done.state, done.stage], ['completed', 'champion'])
    assert.equal(await plant.champion(), release)
    assert.deepEqual([...new Set(done.checks.map(({ stage }) => stage))], ['shadow', 'canary', 'champion'])
    const told = await plant.asOwner<{ kind: string }>("select kind from outbox where channel = 'bus' and kind like 'rollout.%' and payload->'data'->>'rollout' = $1 order by outbox_id", [gate])
    assert.deepEqual(told.map(({ kind }) => kind), ['rollout.started', 'rollout.advanced', 'rollout.advanced', 'rollout.completed'])
    assert.deepEqual(await plant.client.workflow.getHandle(`rollout/${gate}`).result(), { state: 'completed', stage: 'champion' })
  })

  it('waits for people where told to, is stopped by one call, and the CLI says how', async () => {
    const before = await plant.champion()
    const gate = await promote((await plant.release()).release, '--shadow 1s --canary 60s --slice pump-1 --windows 0 --manual')
    await approve(gate)
    await when(gate, ({ ready }) => ready)
    assert.match(await cli.says('ron', 'rollouts'), new RegExp(`${gate}.*running.*shadow.*true`))
    assert.match(await cli.says('ron', `rollouts show ${gate}`), /at shadow \(of shadow, canary, champion\)[^]*canary: pump-1[^]*rollouts advance[^]*Guards at[^]*ok {2}alert load/)
    assert.equal((await cli.run('otto', `rollouts advance ${gate} --from shadow --reason soon`)).exitCode, 1)
    assert.match(await cli.says('ron', `rollouts advance ${gate} --from shadow --reason`, 'looks good'), /It is at canary now/)
    const inForce = await cli.says('vera', `in-force --asset pump-1`)
    assert.match(inForce, new RegExp(`assigned to the canary of rollout ${gate}, which it is part of; the narrower scope wins, over ${before} \\(family:`))
    assert.match(await cli.says('ron', `rollouts stop ${gate} --request-id once --reason`, 'the floor shakes'), /Stopped at canary/)
    assert.match(await cli.says('ron', `rollouts stop ${gate} --request-id once --reason`, 'the floor shakes'), /Stopped at canary/)
    assert.doesNotMatch(await cli.says('vera', 'rollouts'), new RegExp(gate))
    assert.match(await cli.says('vera', 'rollouts list --all'), new RegExp(gate))
    assert.deepEqual(await plant.client.workflow.getHandle(`rollout/${gate}`).result(), { state: 'stopped', stage: 'canary' }, 'its workflow was told')
    assert.equal(await plant.champion(), before)
  })

  it('goes on when its workflow was lost, and when nobody worked for a while', async () => {
    const { release } = await plant.release()
    const gate = await promote(release, '--shadow 1s --watch 2s --windows 0')
    await approve(gate)
    const handle = plant.client.workflow.getHandle(`rollout/${gate}`)
    await until('it is watched', async () => (await handle.describe().catch(() => null))?.status.name === 'RUNNING')
    await desk.stopWorker()
    await handle.terminate('its database was lost')
    await desk.startWorker()
    assert.deepEqual([(await when(gate, ({ state }) => state !== 'running')).state, await plant.champion()], ['completed', release])
  })

  it('refuses what cannot be, with the cure', async () => {
    const { release } = await plant.release()
    const ask = (rollout: unknown, more: object = {}) => desk.call<Problem>('mia', 'POST', '/v1/gates', { release, reason: 'better', rollout, ...more })
    for (const [rollout, status, said] of [
      [{}, 400, /at least one of the stages/], [{ canary: { dwellSeconds: 60, slice: { percent: 120 } } }, 400, /percent|rollout/], [{ canary: { dwellSeconds: 60, slice: { assets: ['pump-77'] } } }, 400, /pump-77 does not stand in family/],
      [{ shadow: { dwellSeconds: 60 }, guards: { alertLoad: { timesChampion: -1 } } }, 400, /timesChampion|rollout/], [{ shadow: { dwellSeconds: 1e9 } }, 400, /dwellSeconds|rollout/],
    ] as const) {
      const answer = await ask(rollout)
      assert.equal(answer.status, status, JSON.stringify(rollout))
      assert.match(JSON.stringify(answer.body), said)
    }
    assert.deepEqual(codeOf(await ask({ shadow: { dwellSeconds: 60 } }, { role: 'challenger' })), [400, 'invalid'])
    assert.deepEqual(codeOf(await desk.call('mia', 'POST', '/v1/rollouts/00000000-0000-4000-8000-000000000000/stop', { reason: 'x', requestId: 'x' })), [404, 'not_found'])
    for (const [line, said] of [
      [`promote ${release} --canary 1d --reason x`, /takes both/], [`promote ${release} --manual --reason x`, /Name a stage/], [`promote ${release} --shadow soon --reason x`, /30m or 2d/], [`promote ${release} --shadow 1d --scope pump --reason x`, /line:ID or asset:ID/],
    ] as const) {
      const ran = await cli.run('mia', line)
      assert.deepEqual([ran.exitCode, said.test(ran.err)], [2, true], ran.err)
    }
  })
})
