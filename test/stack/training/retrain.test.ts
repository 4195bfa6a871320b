import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client, Connection, WorkflowFailedError } from '@temporalio/client'
import { NativeConnection } from '@temporalio/worker'
import { createTrainingActivities } from '../../../activities/train.ts'
import { createForkFit, type FitHooks } from '../../../activities/models/fork-fit.ts'
import type { FitJob } from '../../../activities/models/fit-job.ts'
import { loadModel } from '../../../activities/models/load-model.ts'
import { nodeProgram } from '../../../infra/node-child.ts'
import { createWorkers, type Workers } from '../../../infra/temporal.ts'
import { retrainModel, retrainModelInput } from '../../../registry/services/retrain-model.ts'
import { readLineageEvents } from '../../../registry/services/read/lineage-events.ts'
import { inSite } from '../../../registry/store/transaction.ts'
import { taskQueues, workflowIds } from '../../../workflows/ids.ts'
import type { RetrainModelInput, RetrainModelResult } from '../../../workflows/messages.ts'
import { checkRuns } from '../../helpers/open-lineage.ts'
import { freshNamespace, useStack, type TestStack } from '../../helpers/stack.ts'
import { admin, createTrainingSite, faultyRows, normalRows, type TrainingSite } from '../../helpers/training.ts'

/** What a test does to the fit while it runs. */
let onFit: (pid: number) => void = () => undefined
let fits = 0

let stack: TestStack
let place: TrainingSite
let connection: NativeConnection
let clientConnection: Connection
let client: Client
let workers: Workers
let running: Promise<void>

const forkFit = createForkFit(nodeProgram('activities/models/fit-process.ts'))

/** The real fit, with fewer epochs. */
function shortFit(job: FitJob, hooks: FitHooks = {}) {
  fits++
  return forkFit({ ...job, options: { epochs: 15, patience: 5 } }, { ...hooks, onStart: (pid) => onFit(pid) })
}

describe('retraining', () => {
  before(async () => {
    stack = await useStack()
    place = await createTrainingSite(stack)
    const namespace = await freshNamespace(stack)
    connection = await NativeConnection.connect({ address: stack.connections.temporal.address })
    clientConnection = await Connection.connect({ address: stack.connections.temporal.address })
    client = new Client({ connection: clientConnection, namespace })
    workers = await createWorkers({
      connection, namespace,
      specs: [
        { taskQueue: taskQueues.main, workflows: true, activities: {} },
        { taskQueue: taskQueues.training, workflows: false, activities: createTrainingActivities({ ...place.ctx, fit: shortFit }) },
      ],
    })
    running = workers.run()
  })

  after(async () => {
    workers?.shutdown()
    await running
    await connection?.close()
    await clientConnection?.close()
    await place?.drop()
  })

  /** The verb, then what the relay does with its outbox row. */
  async function start(input: { promote?: boolean; fromUs?: number; toUs?: number } = {}) {
    const { operationId } = await retrainModel(place.ctx, admin, retrainModelInput.parse({ site: place.site, family: place.family, ...input }))
    const request = await inSite(place.pool, place.site, async (tx) =>
      (await tx.query<{ request: { type: string; taskQueue: string; input: RetrainModelInput } }>('select request from operation where operation_id = $1', [operationId])).rows[0]!.request)
    assert.equal(request.taskQueue, taskQueues.main)
    const handle = await client.workflow.start(request.type, { taskQueue: request.taskQueue, workflowId: workflowIds.retrain(operationId), args: [request.input] })
    return { operationId, input: request.input, handle, result: () => handle.result() as Promise<RetrainModelResult> }
  }

  const operation = (operationId: string) => inSite(place.pool, place.site, async (tx) =>
    (await tx.query<{ state: string; result: RetrainModelResult | null; error: { code: string; message: string } | null; progress: Record<string, unknown> }>(
      'select state, result, error, progress from operation where operation_id = $1', [operationId])).rows[0]!)

  /** What was put on the bus of a run's lineage. */
  const lineage = async (operationId: string) => checkRuns((await inSite(place.pool, place.site, async (tx) => (await tx.query<{ data: unknown }>(
    "select payload->'data' as data from outbox where channel = 'bus' and kind = 'lineage.run' and payload->'data'->'run'->>'runId' = $1 order by outbox_id", [operationId])).rows)).map(({ data }) => data))

  it('too few windows are refused with cause and cure', { timeout: 60_000 }, async () => {
    await place.addWindows('pump-1', normalRows(30))
    const run = await start()
    await assert.rejects(run.result(), WorkflowFailedError)
    const { state, error } = await operation(run.operationId)
    assert.equal(state, 'failed')
    assert.equal(error?.code, 'insufficient_data')
    assert.match(error?.message ?? '', /30 normal windows.*training needs 100/)
    const [began, failed] = await lineage(run.operationId)
    assert.deepEqual([began?.eventType, failed?.eventType, failed?.outputs], ['START', 'FAIL', []])
    assert.equal((failed?.run.facets['errorMessage'] as unknown as { message: string }).message, error?.message)
  })

  it('windows become a dataset, two registered models and a release, once', { timeout: 120_000 }, async () => {
    await place.addWindows('pump-1', normalRows(370, 1), { fromIndex: 30 })
    await place.addWindows('pump-2', normalRows(400, 2))
    await place.addLabel('pump-2', 350, 399)
    await place.addWindows('pump-2', faultyRows(1), { fromIndex: 400 })
    await place.addPolicy()
    const run = await start()
    const result = await run.result()
    assert.deepEqual(result.models, ['pumps-pca@1', 'pumps-autoencoder@1'])
    assert.equal(result.release, 'pumps-r1')
    assert.ok(result.models.includes(result.chosen))
    const { state, result: stored } = await operation(run.operationId)
    assert.equal(state, 'succeeded')
    assert.deepEqual(stored, result)
    const told = await lineage(run.operationId)
    assert.deepEqual(told.map(({ eventType, job }) => [eventType, job.name]), [['START', 'train/pumps'], ['COMPLETE', 'train/pumps']])
    assert.deepEqual(told[1]?.inputs.map(({ namespace, name }) => [namespace, name]), [['twinward://plant-1', 'windows/pumps']])
    assert.deepEqual(told[1]?.outputs.map(({ name }) => name), ['dataset/pumps', 'model/pumps-pca', 'model/pumps-autoencoder'])
    assert.deepEqual(await readLineageEvents(place.ctx, admin, { site: place.site, operation: run.operationId }), told, 'asked for it is the same')
    const of = await readLineageEvents(place.ctx, admin, { site: place.site, model: { name: 'pumps-pca', version: 1 } })
    assert.deepEqual(of, told, 'a model version leads to the run that trained it')

    const models = await inSite(place.pool, place.site, async (tx) => (await tx.query<{ artifact_key: string; digest: string; card: string; reason: string }>(
      'select artifact_key, digest, card, reason from model_version order by model_version_ref')).rows)
    assert.equal(models.length, 2)
    for (const { artifact_key, digest, card, reason } of models) {
      assert.equal((await loadModel(place.objects, artifact_key, digest)).scoreRows(normalRows(3), 3).scores.length, 3)
      assert.match(card, /always alarm/)
      assert.match(card, /label:faulty/)
      assert.match(reason, /requested by twinward:test/)
    }

    // Every step once more, as after a lost answer: nothing is made twice.
    const again = createTrainingActivities({ ...place.ctx, fit: () => { throw new Error('it must not fit again') } })
    const steps = { ...run.input }
    const snapshot = await again.snapshotDataset(steps)
    assert.equal(snapshot.dataset, result.dataset)
    const trained = await again.trainModels({ ...steps, dataset: snapshot.dataset })
    const registered = await again.registerModels({ ...steps, report: trained.report })
    assert.deepEqual(await again.makeRelease({ ...steps, model: registered.chosen }), { release: 'pumps-r1', note: null })
    assert.equal(await place.count('model_version'), 2)
    assert.equal(await place.count('release'), 1)
    assert.equal(await place.count('dataset'), 1)
    assert.equal(await place.count("ledger_entry where kind in ('model.registered', 'release.made')"), 3)
  })

  it('a changed artifact is refused by its digest', { timeout: 60_000 }, async () => {
    const { artifact_key, digest } = await inSite(place.pool, place.site, async (tx) =>
      (await tx.query<{ artifact_key: string; digest: string }>("select artifact_key, digest from model_version where kind = 'autoencoder'")).rows[0]!)
    const bytes = await place.objects.get('models', artifact_key)
    bytes[bytes.length >> 1]! ^= 1
    await place.objects.put('models', `${artifact_key}-changed`, bytes)
    await assert.rejects(loadModel(place.objects, `${artifact_key}-changed`, digest), { code: 'digest_mismatch' })
    await place.objects.put('models', `${artifact_key}-cut`, bytes.slice(0, 100))
    await assert.rejects(loadModel(place.objects, `${artifact_key}-cut`, digest), { code: 'digest_mismatch' })
  })

  it('a fit that is killed mid-way is done again', { timeout: 120_000 }, async () => {
    const before = fits
    onFit = (pid) => {
      if (fits === before + 1) void sleep(300).then(() => process.kill(pid, 'SIGKILL'))
    }
    const run = await start({ promote: true })
    const result = await run.result()
    onFit = () => undefined
    assert.equal(fits, before + 2)
    assert.equal(result.release, 'pumps-r2')
    // The same rows on the same runtime give the same models, to the bit.
    assert.equal(await place.count('(select distinct kind, digest from model_version) m'), 2)
    assert.equal(await place.count('model_version'), 4)
    assert.notEqual(result.gate, null)
    assert.equal(await place.count('gate'), 1)
  })

  it('a cancelled retraining kills its fit and registers nothing', { timeout: 120_000 }, async () => {
    const models = await place.count('model_version')
    const started = new Promise<number>((resolve) => { onFit = resolve })
    const run = await start()
    const child = await started
    await run.handle.cancel()
    await assert.rejects(run.result(), WorkflowFailedError)
    onFit = () => undefined
    assert.equal((await operation(run.operationId)).state, 'cancelled')
    assert.deepEqual((await lineage(run.operationId)).map(({ eventType }) => eventType), ['START', 'ABORT'])
    assert.throws(() => process.kill(child, 0), { code: 'ESRCH' })
    assert.equal(await place.count('model_version'), models)
  })

  it('a family without a feature set is refused at the door', async () => {
    await inSite(place.pool, place.site, (tx) => tx.query(
      "insert into family (site_id, family_id, name, governance) select site_id, 'fans', 'fans', governance from family where family_id = $1", [place.family]))
    await assert.rejects(
      retrainModel(place.ctx, admin, retrainModelInput.parse({ site: place.site, family: 'fans' })), { code: 'unprocessable', message: /register one first/ })
  })
})
