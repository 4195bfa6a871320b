import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { randomBytes, randomUUID } from 'node:crypto'
import { Client, Connection, ScheduleNotFoundError } from '@temporalio/client'
import { NativeConnection } from '@temporalio/worker'
import { createDriftActivities, type MeasuredDrift } from '../../../activities/drift.ts'
import { runFitJob } from '../../../activities/models/fit-job.ts'
import { createTrainingActivities } from '../../../activities/train.ts'
import { driftScheduleId, ensureSchedules, readDriftSchedules } from '../../../infra/schedules.ts'
import { createWorkers, type Workers } from '../../../infra/temporal.ts'
import { checkDrift, checkDriftInput } from '../../../registry/services/check-drift.ts'
import { retrainModel, retrainModelInput, startRetraining } from '../../../registry/services/retrain-model.ts'
import { getDriftReport, listDriftReports } from '../../../registry/services/read/drift.ts'
import { switchAssignment } from '../../../registry/store/assignments.ts'
import { inSite } from '../../../registry/store/transaction.ts'
import { taskQueues, workflowIds } from '../../../workflows/ids.ts'
import type { CheckDriftResult, RetrainModelInput } from '../../../workflows/messages.ts'
import { until } from '../../helpers/governance.ts'
import { freshNamespace, useStack } from '../../helpers/stack.ts'
import { admin, createTrainingSite, faultyRows, normalRows, type TrainingSite } from '../../helpers/training.ts'

describe('drift', () => {
  let place: TrainingSite
  let connection: NativeConnection
  let clientConnection: Connection
  let client: Client
  let workers: Workers
  let running: Promise<void>
  const drift = () => createDriftActivities(place.ctx)
  const measure = (runId: string, mayRetrain = false) => drift().measureDrift({ site: place.site, family: place.family, runId, operationId: null, mayRetrain })
  const settings = (drift: object) => inSite(place.pool, place.site, (tx) => tx.query('update family set drift = $1', [JSON.stringify(drift)]))

  before(async () => {
    const stack = await useStack()
    place = await createTrainingSite(stack)
    const namespace = await freshNamespace(stack)
    connection = await NativeConnection.connect({ address: stack.connections.temporal.address })
    clientConnection = await Connection.connect({ address: stack.connections.temporal.address })
    client = new Client({ connection: clientConnection, namespace })
    workers = await createWorkers({ connection, namespace, specs: [{ taskQueue: taskQueues.main, workflows: true, activities: drift() }] })
    running = workers.run()
  })
  after(async () => {
    workers?.shutdown()
    await running
    await connection?.close()
    await clientConnection?.close()
    await place?.drop()
  })

  it('has nothing to hold windows against before a champion is in force', async () => {
    assert.deepEqual(await measure('none'), { report: null, verdict: 'insufficient_data', retraining: null })
    await assert.rejects(checkDrift(place.ctx, admin, checkDriftInput.parse({ site: place.site, family: place.family })), { code: 'unprocessable' })
  })

  it('finds none in data like the training data, drift in data that moved, and says so through the workflow', { timeout: 120_000 }, async () => {
    await place.addWindows('pump-1', normalRows(600, 1))
    await place.addPolicy()
    await promote(place)
    await place.addWindows('pump-1', normalRows(600, 1), { fromIndex: 600 })
    const same = await measure('same')
    assert.equal(same.verdict, 'none')

    await place.addWindows('pump-1', faultyRows(500, 3), { fromIndex: 1200 })
    const { operationId } = await checkDrift(place.ctx, admin, checkDriftInput.parse({ site: place.site, family: place.family }))
    const request = await inSite(place.pool, place.site, async (tx) =>
      (await tx.query<{ request: { type: string; taskQueue: string; input: unknown } }>('select request from operation where operation_id = $1', [operationId])).rows[0]!.request)
    const result = await client.workflow.execute(request.type, {
      taskQueue: request.taskQueue, workflowId: workflowIds.drift(operationId), args: [request.input],
    }) as CheckDriftResult
    assert.equal(result.verdict, 'drift')
    assert.equal(result.retraining, null)
    assert.equal(await place.count(`operation where operation_id = '${operationId}' and state = 'succeeded'`), 1)
    const report = await getDriftReport(place.ctx, admin, { site: place.site, id: result.report ?? '' })
    assert.deepEqual([...report.drifting].sort(), ['f0', 'f2', 'f4'])
    assert.equal(report.release, 'pumps-r1')
    assert.equal((await listDriftReports(place.ctx, admin, { site: place.site, limit: 10 })).items.length, 2)
  })

  it('starts one retraining with the drift as its reason, however often it is asked, and however many ask at once', async () => {
    const [first, ...others] = await Promise.all(['moved', 'moved-2', 'moved-3', 'moved-4'].map((runId) => measure(runId, true))) as [MeasuredDrift, ...MeasuredDrift[]]
    assert.equal(first.verdict, 'drift')
    for (const other of others) assert.equal(other.retraining, first.retraining)
    assert.deepEqual(await measure('moved', true), first)
    const second = await measure('moved again', true)
    assert.notEqual(second.report, first.report)
    assert.equal(second.retraining, first.retraining)
    const rows = await inSite(place.pool, place.site, async (tx) => (await tx.query<{ input: RetrainModelInput; workflow_id: string }>(
      "select request -> 'input' as input, workflow_id from operation where kind = 'retrain-model' and requested_by = 'twinward:drift'")).rows)
    assert.equal(rows.length, 1)
    assert.match(rows[0]!.input.reason, /^drift: 3 of 6 features moved since pumps-r1 was trained \(f\d: KS 0\.\d\d, PSI/)
    assert.equal(await place.count(`outbox where channel = 'workflow' and target = '${rows[0]!.workflow_id}'`), 1)
  })

  it('waits for somebody who is about to ask, and means theirs', async () => {
    await inSite(place.pool, place.site, (tx) => tx.query("update operation set ended_at = now(), state = 'failed' where kind = 'retrain-model' and ended_at is null"))
    let asked = ''
    let checking: Promise<MeasuredDrift> | undefined
    await inSite(place.pool, place.site, async (tx) => {
      const input = { ...retrainModelInput.parse({ site: place.site, family: place.family }), reason: 'a new bearing' }
      asked = (await startRetraining(tx, { actor: admin, input, nowUs: Date.now() * 1000 })).operationId
      checking = measure('beside', true)
      // It comes as far as the lock, or, without one, to its end.
      await until('the check waits', async () => await place.count("pg_locks where locktype = 'advisory' and not granted and database = (select oid from pg_database where datname = current_database())") > 0 || await Promise.race([checking, Promise.resolve(null)]))
    })
    assert.equal((await checking)?.retraining, asked)
  })

  it('starts none where the family forbids it, and says when there is too little data', async () => {
    await settings({ retrain: false })
    assert.equal((await measure('forbidden', true)).retraining, null)
    await settings({ recentWindows: 50 })
    assert.equal((await measure('few')).verdict, 'insufficient_data')
    await settings({ recentWindows: 'many' })
    await assert.rejects(measure('wrong'), { code: 'unprocessable', message: /drift settings of family pumps do not fit/ })
  })

  it('leaves windows under maintenance out', async () => {
    await settings({})
    await place.addLabel('pump-1', 1200, 1700)
    const { verdict } = await measure('labelled')
    assert.equal(verdict, 'insufficient_data')
  })

  it('keeps one schedule a family, changes it and takes it away', { timeout: 60_000 }, async () => {
    assert.deepEqual(await readDriftSchedules(place.pool), [{ site: place.site, family: place.family, everySeconds: 3600 }])
    const handle = client.schedule.getHandle(driftScheduleId(place.site, place.family))
    const every = async () => (await handle.describe()).spec.intervals?.[0]?.every
    const schedule = { site: place.site, family: place.family }
    await ensureSchedules(client, [{ ...schedule, everySeconds: 3600 }])
    await ensureSchedules(client, [{ ...schedule, everySeconds: 3600 }])
    assert.equal(await every(), 3_600_000)
    await handle.pause()
    await ensureSchedules(client, [{ ...schedule, everySeconds: 600 }])
    assert.equal(await every(), 600_000)
    assert.equal((await handle.describe()).state.paused, true)
    await ensureSchedules(client, [{ ...schedule, everySeconds: 0 }])
    await ensureSchedules(client, [{ ...schedule, everySeconds: 0 }])
    await assert.rejects(handle.describe(), ScheduleNotFoundError)
  })
})

/** Trains in this process, a few epochs, and puts the release in force. */
async function promote(place: TrainingSite): Promise<void> {
  const steps = createTrainingActivities({ ...place.ctx, fit: (job, hooks) => runFitJob({ ...job, options: { epochs: 3 } }, { ...(hooks?.signal && { signal: hooks.signal }) }) })
  const { operationId } = await retrainModel(place.ctx, admin, retrainModelInput.parse({ site: place.site, family: place.family }))
  const run = { site: place.site, operationId, family: place.family, reason: 'test', requestedBy: 'ml-1' }
  const snapshot = await steps.snapshotDataset({ ...run, fromUs: 0, toUs: Number.MAX_SAFE_INTEGER, assets: null })
  const { report } = await steps.trainModels({ ...run, dataset: snapshot.dataset })
  const { chosen } = await steps.registerModels({ ...run, report })
  await steps.makeRelease({ ...run, model: chosen })
  await steps.finishRetraining({ ...run, outcome: { state: 'cancelled' } })
  await inSite(place.pool, place.site, async (tx) => {
    const { rows } = await tx.query<{ release_ref: number }>('select release_ref from release')
    await switchAssignment(tx, {
      seat: { site: place.site, family: place.family, role: 'champion', scope: { kind: 'family', id: place.family } }, releaseRef: rows[0]!.release_ref,
      gateId: null, reason: 'test', assignedBy: randomUUID(), requestId: randomBytes(8).toString('hex'), nowUs: Date.now() * 1000 - 1_000_000,
    })
  })
}
