import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, it } from 'node:test'
import { ApplicationFailure } from '@temporalio/common'
import type { Client } from '@temporalio/client'
import { pino } from 'pino'
import { createDecodedCache } from '../../../activities/decoded-cache.ts'
import { createIngestActivities } from '../../../activities/ingest.ts'
import type { CloseWindowsInput, WindowActivities } from '../../../activities/windows.ts'
import { GAP_PATIENCE_US } from '../../../infra/dispatch-groups.ts'
import { createDispatcher, type Dispatcher } from '../../../infra/dispatcher.ts'
import { connectTemporal, connectWorkers, createWorkers } from '../../../infra/temporal.ts'
import { taskQueues } from '../../../workflows/ids.ts'
import { createIngestPlant, readingsBatch, S, T0, type IngestPlant } from '../../helpers/ingest-plant.ts'
import { freshNamespace, useStack } from '../../helpers/stack.ts'

interface Scene {
  readonly plant: IngestPlant
  readonly client: Client
  readonly clock: { us: number }
  /** Groups in the order in which their windows were closed. */
  readonly closed: string[][]
  readonly land: (...sequences: number[]) => Promise<void>
  readonly dispatch: (given?: { overlapRows?: number; pollMs?: number }) => Dispatcher
  /** How often the dispatcher looked for waiting batches. */
  readonly looks: () => number
  /** Runs a worker until the end of the test. */
  readonly work: (closeWindows?: (input: CloseWindowsInput) => Promise<void>) => Promise<void>
  readonly until: (what: () => boolean | Promise<boolean>) => Promise<void>
  readonly committed: () => Promise<number[]>
}

const log = pino({ level: 'silent' })

/** A plant with a Temporal namespace of its own; closing windows is played, so that these tests are about dispatching. */
const using = (body: (scene: Scene) => Promise<void>) => async (): Promise<void> => {
  const stack = await useStack()
  const temporal = { ...stack.connections.temporal, namespace: await freshNamespace(stack) }
  const plant = await createIngestPlant()
  const connected = await connectTemporal(temporal)
  const { client } = connected
  const clock = { us: plant.ctx.nowUs() }
  const closed: string[][] = []
  let looks = 0
  const ends: (() => Promise<void>)[] = []
  try {
    await body({
      plant, client, clock, closed,
      async land(...sequences) {
        for (const sequence of sequences) {
          const rows = Array.from({ length: 10 }, (_, i) => ({ tag: 'p/a', sourceUs: T0 + (sequence * 10 + i) * S, value: i }))
          assert.equal((await plant.land(readingsBatch(rows, { sequence }))).status, 'stored')
        }
      },
      looks: () => looks,
      dispatch({ overlapRows = 1_000_000, pollMs = 100 } = {}) {
        const nowUs = () => {
          looks++
          return clock.us
        }
        const dispatcher = createDispatcher({ pool: plant.pool, client, log, nowUs, pollMs, overlapRows })
        dispatcher.start()
        ends.push(() => dispatcher.stop())
        return dispatcher
      },
      async work(closeWindows = async () => {}) {
        const windows: Pick<WindowActivities, 'closeWindows'> = {
          async closeWindows(input) {
            await closeWindows(input)
            closed.push([...input.batchIds])
            await plant.rows('update raw_batch set windows_closed_at = now() where batch_id = any($1::bigint[])', [input.batchIds])
            return { windows: input.batchIds.length, scores: 0, late: 0 }
          },
        }
        const connection = await connectWorkers(temporal)
        const ingest = createIngestActivities({ pool: plant.pool, objects: plant.objects, cache: createDecodedCache({ maxBytes: 1e8 }) })
        const workers = await createWorkers({
          connection, namespace: temporal.namespace, specs: [
            { taskQueue: taskQueues.main, workflows: true, activities: {} },
            { taskQueue: taskQueues.ingest, workflows: false, activities: { ...ingest, ...windows } },
          ],
        })
        const stopped = workers.run()
        ends.push(async () => {
          workers.shutdown()
          await stopped
          await connection.close()
        })
      },
      async until(what) {
        for (let tries = 0; !await what(); tries++) {
          assert.ok(tries < 600, `waited in vain: ${String(what)}`)
          await sleep(50)
        }
      },
      async committed() {
        const rows = await plant.rows<{ sequence: number }>(
          `select sequence::int from raw_batch where state = 'committed' and windows_closed_at is not null order by commit_number`)
        return rows.map((row) => row.sequence)
      },
    })
  } finally {
    for (const end of ends) await end()
    await connected.close()
    await plant.drop()
  }
}

describe('the dispatcher', () => {
  it('takes waiting batches together, in one workflow', using(async ({ client, land, dispatch, work, until, committed, closed }) => {
    await land(1, 2, 3, 4, 5)
    await work()
    dispatch()
    await until(async () => (await committed()).length === 5)
    assert.deepEqual(await committed(), [1, 2, 3, 4, 5])
    assert.equal(closed.length, 1)
    const handle = client.workflow.getHandle('ingest/plant-1/gw-1/00000000000000aa/1')
    assert.deepEqual(await handle.result(), { committed: 5, quarantined: 0, windows: 5 })
    // Those that land later are heard of, and go by themselves.
    await land(6)
    await until(async () => (await committed()).length === 6)
  }))

  it('waits for a missing batch, and passes over one that does not come', using(async ({ land, dispatch, work, until, committed, clock }) => {
    await land(2, 1, 4)
    await work()
    dispatch()
    await until(async () => (await committed()).length === 2)
    await land(3)
    await until(async () => (await committed()).length === 4)
    await land(7)
    await sleep(500)
    assert.deepEqual(await committed(), [1, 2, 3, 4])
    clock.us += GAP_PATIENCE_US
    await until(async () => (await committed()).length === 5)
    assert.deepEqual(await committed(), [1, 2, 3, 4, 7])
  }))

  it('does not look for each batch of a burst while the one before them is stored, and goes on when it is', using(async ({ client, land, dispatch, work, until, committed, looks }) => {
    dispatch({ pollMs: 60_000 })
    await land(1)
    await until(() => client.workflow.getHandle('ingest/plant-1/gw-1/00000000000000aa/1').describe().then(() => true, () => false))
    await sleep(300)
    const before = looks()
    await land(2, 3, 4, 5, 6, 7, 8, 9, 10)
    await sleep(300)
    assert.equal(looks(), before)
    await work()
    await until(async () => (await committed()).length === 10)
  }))

  it('keeps nothing of a workflow that has ended', using(async ({ land, dispatch, work, until, committed }) => {
    const warnings: Error[] = []
    const note = (warning: Error) => warnings.push(warning)
    process.on('warning', note)
    try {
      await work()
      dispatch()
      // Each is a group of its own, and takes two calls or more of Temporal.
      for (let sequence = 1; sequence <= 8; sequence++) {
        await land(sequence)
        await until(async () => (await committed()).length === sequence)
      }
      assert.deepEqual(warnings.filter(({ name }) => name === 'MaxListenersExceededWarning'), [])
    } finally {
      process.off('warning', note)
    }
  }))

  it('stores the next group while windows close, and no further one', using(async ({ plant, land, dispatch, work, until, committed, closed }) => {
    let open: () => void = () => undefined
    const gate = new Promise<void>((resolve) => { open = resolve })
    await work(() => gate)
    dispatch({ overlapRows: 20 })
    await land(1)
    const stored = async (): Promise<number[]> =>
      (await plant.rows<{ sequence: number }>("select sequence::int from raw_batch where state = 'committed' order by commit_number")).map((row) => row.sequence)
    await until(async () => (await stored()).length === 1)
    await land(2)
    await sleep(300)
    assert.deepEqual(await stored(), [1], 'ten readings are too few to go on by themselves')
    await land(3)
    await until(async () => (await stored()).length === 3)
    await land(4, 5)
    await sleep(300)
    assert.deepEqual(await stored(), [1, 2, 3], 'two groups are under way')
    open()
    await until(async () => (await committed()).length === 5)
    assert.deepEqual(await committed(), [1, 2, 3, 4, 5])
    assert.deepEqual(closed.map((group) => group.length).sort(), [1, 2, 2])
  }))

  it('stores a gateway\'s new epoch behind what had landed of the former one', using(async ({ plant, land, dispatch, work, until, committed }) => {
    await land(2)
    const rows = [{ tag: 'p/a', sourceUs: T0 + 100 * S, value: 1 }]
    assert.equal((await plant.land(readingsBatch(rows, { sequence: 1, epoch: '00000000000000bb' }))).status, 'stored')
    await work()
    dispatch()
    await sleep(500)
    assert.deepEqual(await committed(), [], 'the former one waits for its first batch')
    await land(1)
    await until(async () => (await committed()).length === 3)
    assert.deepEqual(await committed(), [1, 2, 1])
  }))

  it('starts again what was lost, and what ended without an outcome', using(async ({ client, land, dispatch, work, until, committed }) => {
    await land(1, 2)
    dispatch()
    const handle = client.workflow.getHandle('ingest/plant-1/gw-1/00000000000000aa/1')
    await until(() => handle.describe().then(() => true, () => false))
    await handle.terminate('lost')
    let failing = true
    await work(async () => {
      if (failing) {
        failing = false
        throw ApplicationFailure.nonRetryable('no', 'unprocessable')
      }
    })
    await until(async () => (await committed()).length === 2)
    assert.equal(failing, false)
  }))

  it('finds what the one before it had under way', using(async ({ land, dispatch, work, until, committed, closed }) => {
    await land(1)
    const first = dispatch()
    await sleep(300)
    await first.stop()
    await land(2)
    dispatch()
    await work()
    await until(async () => (await committed()).length === 2)
    assert.deepEqual(closed.map((group) => group.length), [1, 1])
  }))
})
