import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { after, before, describe, it } from 'node:test'
import { cancelOperation } from '../../../registry/services/cancel-operation.ts'
import { pauseOperation, resumeOperation } from '../../../registry/services/pause-operation.ts'
import { getOperation, type OperationView } from '../../../registry/services/read/operations.ts'
import { startRescore } from '../../../registry/services/rescore/start-rescore.ts'
import { messageNames } from '../../../workflows/messages.ts'
import { workflowIds } from '../../../workflows/ids.ts'
import { createGovernanceSite, until, type GovernanceSite } from '../../helpers/governance.ts'
import { createPrograms, type Programs } from '../../helpers/programs.ts'
import { useStack } from '../../helpers/stack.ts'
import { startForgetfulTemporal } from '../../helpers/temporal.ts'
import { faultyRows, MINUTE, normalRows, T0 } from '../../helpers/training.ts'

/** Of each machine; a few dozen slices. */
const WINDOWS = 12_000
/** A fresh run that does nothing but look is shorter. */
const SUGGEST_AFTER = 30

/** A release in force, and windows of two machines that it has not judged. */
async function furnish(plant: GovernanceSite): Promise<void> {
  const { release } = await plant.release()
  await plant.asOwner(
    `insert into assignment (site_id, family_id, role, scope_kind, scope_id, release_ref, valid, reason, assigned_by)
     select site_id, family_id, 'champion', 'family', family_id, release_ref, tstzrange(now(), null), 'test', 'test' from release where release_id = $1`, [release])
  for (const [i, asset] of ['pump-1', 'pump-2'].entries()) {
    // Faults now and then, so that rules raise and clear on both sides of a slice's edge.
    for (let from = 120; from < WINDOWS; from += 990) {
      await plant.addWindows(asset, normalRows(Math.min(960, WINDOWS - from), from + i), { fromIndex: from })
      if (from + 960 < WINDOWS) await plant.addWindows(asset, faultyRows(Math.min(30, WINDOWS - from - 960), from + i), { fromIndex: from + 960 })
    }
  }
}

const ask = (plant: GovernanceSite) => startRescore(plant.ctx, plant.people.rita, {
  site: plant.site, family: plant.family, fromUs: T0 - MINUTE, toUs: T0 + WINDOWS * MINUTE, reason: 'the model was wrong',
}).then(({ operationId }) => operationId)
const look = (plant: GovernanceSite, operation: string): Promise<OperationView> => getOperation(plant.ctx, plant.people.rita, { site: plant.site, operation })
const doneOf = ({ progress }: OperationView): number => (progress['windows'] as { done: number } | undefined)?.done ?? 0
const whenEnded = (plant: GovernanceSite, operation: string) => until('the rescore ends', async () => {
  const view = await look(plant, operation)
  return view.endedAt !== null && view
}, 180_000)
/** What one rescore wrote, as one digest: another one over the same windows must have the same. */
const digestOf = async (plant: GovernanceSite, operation: string) => (await plant.asOwner<{ n: string; ends: string; digest: string }>(
  `select count(*) as n, count(distinct (asset_ref, window_end)) as ends,
          md5(string_agg(concat_ws('|', asset_ref, window_end, score, confidence, fold_before, decision), ';' order by asset_ref, window_end)) as digest
   from score join rescore using (rescore_ref) where operation_id = $1`, [operation]))[0]!

describe('the rescore workflow', () => {
  let plant: GovernanceSite
  let programs: Programs | undefined
  const start = (program: string) => (programs as Programs).start(program)
  const kill = (child: ChildProcess) => (programs as Programs).kill(child)
  before(async () => {
    plant = await createGovernanceSite(await useStack())
    programs = createPrograms(plant.connections)
    await furnish(plant)
  })
  after(async () => {
    await programs?.killAll()
    await plant?.end()
  })

  it('killed in the middle goes on where the last slice committed, to the very same result; paused, it waits over that', async () => {
    await start('keeper.ts')
    let worker = await start('worker.ts')
    const operation = await ask(plant)
    await until('some slices are written', async () => doneOf(await look(plant, operation)) > 0)
    await kill(worker)
    const killed = await look(plant, operation)
    assert.equal(killed.state, 'running')
    const [counted] = await plant.asOwner<{ n: string }>('select count(*) as n from score where rescore_ref is not null')
    assert.ok(Number(counted!.n) > 0 && Number(counted!.n) < 2 * WINDOWS, `${counted!.n} written when it was killed`)

    await pauseOperation(plant.ctx, plant.people.rita, { site: plant.site, operation })
    worker = await start('worker.ts')
    const rows = async () => (await plant.asOwner<{ n: string }>('select count(*) as n from score where rescore_ref is not null'))[0]!.n
    await until('the workflow has looked at the row and waits', async () => {
      const history = await plant.client.workflow.getHandle(workflowIds.rescore(operation)).fetchHistory()
      const last = history.events?.filter((event) => event.activityTaskCompletedEventAttributes?.result?.payloads?.[0]?.data).at(-1)
      return /"paused":true/.test(Buffer.from(last?.activityTaskCompletedEventAttributes?.result?.payloads?.[0]?.data ?? []).toString())
    }, 120_000)
    assert.equal(await rows(), counted!.n, 'nothing is written while it waits')
    await resumeOperation(plant.ctx, plant.people.rita, { site: plant.site, operation })
    const ended = await whenEnded(plant, operation)
    assert.deepEqual([ended.state, ended.result], ['succeeded', { windows: 2 * WINDOWS, written: 2 * WINDOWS, assets: 2, releases: ['pumps-r1'] }])

    const undisturbed = await ask(plant)
    assert.equal((await whenEnded(plant, undisturbed)).state, 'succeeded')
    const found = await digestOf(plant, operation)
    assert.deepEqual([found.n, found.ends], [String(2 * WINDOWS), String(2 * WINDOWS)], 'each window once')
    assert.deepEqual(found, await digestOf(plant, undisturbed))
    assert.equal((await plant.asOwner('select 1 from alert')).length, 0)
  })

  it('cancelled in the middle leaves what it wrote, and says how far it came', async () => {
    const operation = await ask(plant)
    await until('some slices are written', async () => doneOf(await look(plant, operation)) > 0)
    await cancelOperation(plant.ctx, plant.people.rita, { site: plant.site, operation })
    const ended = await whenEnded(plant, operation)
    assert.equal(ended.state, 'cancelled')
    const { n } = await digestOf(plant, operation)
    assert.equal(doneOf(ended), Number(n))
    assert.ok(Number(n) < 2 * WINDOWS)
    await until('the workflow has ended', async () => (await plant.client.workflow.getHandle(workflowIds.rescore(operation)).describe()).status.name !== 'RUNNING')
    assert.equal((await digestOf(plant, operation)).n, n, 'and nothing more')
  })
})

describe('a rescore with a long history', () => {
  let plant: GovernanceSite
  let temporal: Awaited<ReturnType<typeof startForgetfulTemporal>>
  let stop: (() => Promise<void>)[] = []
  before(async () => {
    temporal = await startForgetfulTemporal(SUGGEST_AFTER)
    const stack = await useStack()
    plant = await createGovernanceSite({ ...stack, connections: { ...stack.connections, temporal: temporal.connection } })
    await furnish(plant)
  })
  after(async () => {
    for (const each of stop) await each()
    await plant?.end()
    await temporal?.stop()
  })

  it('continues as new, paused or not, and writes each window once', async () => {
    const operation = await ask(plant)
    await pauseOperation(plant.ctx, plant.people.rita, { site: plant.site, operation })
    const [worker, keeper] = [await plant.startWorker(), await plant.startKeeper()]
    stop = [() => keeper.stop(), () => worker.stop()]
    const id = workflowIds.rescore(operation)
    const runs = async () => {
      const found: string[] = []
      for await (const { runId } of plant.client.workflow.list({ query: `WorkflowId = '${id}'` })) found.push(runId)
      return found.length
    }
    await until('its workflow runs', async () => await plant.client.workflow.getHandle(id).describe().catch(() => null))
    await until('it continues as new while it waits', async () => {
      await plant.client.workflow.getHandle(id).signal(messageNames.operationChanged)
      return await runs() > 1
    }, 60_000)
    await resumeOperation(plant.ctx, plant.people.rita, { site: plant.site, operation })
    const ended = await whenEnded(plant, operation)
    assert.deepEqual(ended.result, { windows: 2 * WINDOWS, written: 2 * WINDOWS, assets: 2, releases: ['pumps-r1'] })
    const { n, ends } = await digestOf(plant, operation)
    assert.deepEqual([n, ends], [String(2 * WINDOWS), String(2 * WINDOWS)])
  })
})
