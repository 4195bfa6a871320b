import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { Client, Connection } from '@temporalio/client'
import { pino } from 'pino'
import type { Keeper } from '../../../infra/keeper.ts'
import { createReconciler } from '../../../infra/reconcile.ts'
import { startKeeper } from '../../../infra/keeper.ts'
import { startWorker, type WorkerProcess } from '../../../infra/worker.ts'
import { createGateUpdates } from '../../../infra/gate-updates.ts'
import { requestPromotion } from '../../../registry/services/gates/request-promotion.ts'
import { createGovernanceSite, until, type GovernanceSite } from '../../helpers/governance.ts'
import { freshNamespace, useStack } from '../../helpers/stack.ts'

const log = pino({ level: 'silent' })

describe('after Temporal lost everything', () => {
  let plant: GovernanceSite
  const running: { keeper?: Keeper; worker?: WorkerProcess } = {}
  before(async () => { plant = await createGovernanceSite(await useStack()) })
  after(async () => {
    await running.keeper?.stop()
    await running.worker?.stop()
    await plant?.end()
  })

  it('every waiting gate waits again, and the same approval completes it', async () => {
    running.worker = await plant.startWorker()
    running.keeper = await plant.startKeeper()
    const { gate } = await requestPromotion(plant.ctx, plant.people.mia, { site: plant.site, release: (await plant.release()).release, role: 'champion', reason: 'better' })
    const digest = await plant.whenOpen(gate)
    await running.keeper.stop()
    await running.worker.stop()

    // An empty namespace is what a deleted database leaves.
    const namespace = await freshNamespace(await useStack())
    const connections = { ...plant.connections, temporal: { ...plant.connections.temporal, namespace } }
    running.worker = await startWorker({ connections, log })
    running.keeper = await startKeeper({ connections, log, reconcileEveryMs: 200 })
    const connection = await Connection.connect({ address: connections.temporal.address })
    try {
      const client = new Client({ connection, namespace })
      await until('the gate waits again', async () => (await client.workflow.getHandle(`gate/${gate}`).describe().catch(() => undefined))?.status.name === 'RUNNING')
      assert.equal((await plant.gate(gate)).evidence_digest, digest, 'its evidence is the frozen one')
      assert.deepEqual(await createReconciler({ pool: plant.pool, client, log }).round(), [], 'nothing is started twice')
      const decided = await createGateUpdates(client).decide(`gate/${gate}`, { actor: 'rita', verdict: 'approve', evidenceDigest: digest, comment: '' })
      assert.equal(decided.state, 'approved')
      assert.notEqual(await plant.champion(), null)
      assert.deepEqual(await createReconciler({ pool: plant.pool, client, log }).round(), [], 'a closed gate is left alone')
    } finally {
      await connection.close()
    }
  })
})
