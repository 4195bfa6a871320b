import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import pg from 'pg'
import type { Keeper } from '../../../infra/keeper.ts'
import type { WorkerProcess } from '../../../infra/worker.ts'
import { platformActor } from '../../../registry/domain/access/rights.ts'
import { createActor } from '../../../registry/services/create-actor.ts'
import { requestPromotion } from '../../../registry/services/gates/request-promotion.ts'
import { raiseAlert } from '../../../registry/store/alerts.ts'
import { inSite } from '../../../registry/store/transaction.ts'
import { messageNames } from '../../../workflows/messages.ts'
import { createGovernanceSite, until, type GovernanceSite } from '../../helpers/governance.ts'
import { useStack } from '../../helpers/stack.ts'
import { startForgetfulTemporal } from '../../helpers/temporal.ts'
import { T0 } from '../../helpers/training.ts'

/** A gate that is open and was never disturbed has fewer events, so that a fresh run does not continue at once. */
const SUGGEST_AFTER = 40

describe('continue as new', () => {
  let plant: GovernanceSite
  let worker: WorkerProcess
  let keeper: Keeper
  let temporal: Awaited<ReturnType<typeof startForgetfulTemporal>>
  before(async () => {
    temporal = await startForgetfulTemporal(SUGGEST_AFTER)
    const stack = await useStack()
    plant = await createGovernanceSite({ ...stack, connections: { ...stack.connections, temporal: temporal.connection } })
    await createActor(plant.ctx, platformActor('test'), { site: plant.site, id: 'rosa', name: 'rosa', kind: 'person', roles: ['reliability-engineer'] })
    worker = await plant.startWorker()
    keeper = await plant.startKeeper()
  })
  after(async () => {
    await keeper?.stop()
    await worker?.stop()
    await plant?.end()
    await temporal?.stop()
  })

  const openGate = async ({ expiresAfterSeconds = 3600 } = {}) => {
    const every = { requiredApprovals: 3, expiresAfterSeconds }
    await plant.govern({ 'promote-model': every, 'approve-policy': every }, 'rita')
    const { release } = await plant.release()
    const { gate } = await requestPromotion(plant.ctx, plant.people.mia, { site: plant.site, release, role: 'champion', reason: 'better' })
    return { gate, release, digest: await plant.whenOpen(gate), workflowId: `gate/${gate}` }
  }
  const runOf = async (workflowId: string) => (await plant.client.workflow.getHandle(workflowId).describe()).runId
  const eventsOf = async (workflowId: string) => (await plant.client.workflow.getHandle(workflowId).describe()).historyLength
  const nudge = (workflowId: string, signal: string) => plant.client.workflow.getHandle(workflowId).signal(signal)
  /** Signals, one at a time and read each, until another run has the workflow. */
  const nudgeOn = async (workflowId: string, signal: string) => {
    const before = await runOf(workflowId)
    return until(`${workflowId} continues as new`, async () => {
      await nudge(workflowId, signal)
      const now = await runOf(workflowId)
      return now !== before && now
    })
  }
  const runsOf = async (workflowId: string) => {
    const runs: string[] = []
    for await (const { runId, status } of plant.client.workflow.list({ query: `WorkflowId = '${workflowId}'` })) runs.push(`${runId} ${status.name}`)
    return runs
  }

  it('a gate continues when its handlers have finished: the decision under way counts, later ones reach the new run', async () => {
    const { gate, release, digest, workflowId } = await openGate()
    const first = await runOf(workflowId)
    assert.equal((await plant.decide(gate, 'rita', 'approve', digest)).approvals, 1)

    // Who holds the seat holds up the decision, in the middle of its handler, and not the look at the gate.
    const seat = new pg.Client({ connectionString: plant.connections.database.migrationUrl })
    await seat.connect()
    const [locked] = await plant.asOwner<{ seat: string }>(
      "select concat_ws('|', site_id, family_id, role, scope_kind, scope_id) as seat from gate where gate_id = $1", [gate])
    await seat.query('begin')
    await seat.query("select pg_advisory_xact_lock(hashtextextended('twinward.seat.' || $1::text, 0))", [locked!.seat])
    const underWay = plant.decide(gate, 'ron', 'approve', digest)
    await until('the decision waits for the seat', async () => (await plant.asOwner<{ n: string }>(
      "select count(*) as n from pg_locks where locktype = 'advisory' and not granted"))[0]!.n !== '0')
    await until('the history is long', async () => {
      await nudge(workflowId, messageNames.withdrawGate)
      return await eventsOf(workflowId) > SUGGEST_AFTER + 20
    })
    assert.equal(await runOf(workflowId), first, 'it went on while a decision was in its hands')
    await seat.query('rollback')
    await seat.end()
    assert.deepEqual(await underWay, { state: 'open', approvals: 2, required: 3, assignment: null })

    const second = await until('the gate continues as new', async () => {
      const now = await runOf(workflowId)
      return now !== first && now
    })
    assert.notEqual(await nudgeOn(workflowId, messageNames.withdrawGate), second, 'and again')
    assert.equal((await plant.gate(gate)).evidence_digest, digest)
    assert.equal((await plant.decide(gate, 'rosa', 'approve', digest)).state, 'approved')
    assert.equal((await plant.client.workflow.getHandle(workflowId).result() as { state: string }).state, 'approved')
    assert.equal(await plant.champion(), release)
    const [counts] = await plant.asOwner<{ decisions: string; switches: string }>(
      `select (select count(*) from gate_decision where gate_id = $1) as decisions, (select count(*) from assignment where gate_id = $1) as switches`, [gate])
    assert.deepEqual(counts, { decisions: '3', switches: '1' })
    await until('all runs are listed', async () => (await runsOf(workflowId)).length >= 3)
    const runs = await runsOf(workflowId)
    assert.deepEqual(runs.map((run) => run.split(' ')[1]).sort(), ['COMPLETED', ...runs.slice(1).map(() => 'CONTINUED_AS_NEW')])
  })

  it('refused decisions alone make it continue too: nobody can fill its history', async () => {
    const { gate, digest, workflowId } = await openGate()
    const first = await runOf(workflowId)
    await until('the gate continues as new', async () => {
      await assert.rejects(plant.decide(gate, 'vera', 'approve', digest), { code: 'forbidden' })
      return await runOf(workflowId) !== first
    })
    assert.equal((await plant.decide(gate, 'rita', 'reject', digest)).state, 'rejected')
    assert.equal((await plant.client.workflow.getHandle(workflowId).result() as { state: string }).state, 'rejected')
  })

  it('answers every decision sent while run follows run', async () => {
    const { gate, digest, workflowId } = await openGate()
    const seen = new Set([await runOf(workflowId)])
    const answers: { state: string; approvals: number }[] = []
    await until('several runs', async () => {
      answers.push(...await Promise.all(['rita', 'ron', 'rita', 'ron'].map((person) => plant.decide(gate, person, 'approve', digest))))
      seen.add(await runOf(workflowId))
      return seen.size >= 4
    }, 60_000)
    assert.ok(answers.every(({ state }) => state === 'open'))
    assert.equal(answers.at(-1)!.approvals, 2)
    assert.equal((await plant.decide(gate, 'rosa', 'reject', digest)).state, 'rejected')
    assert.equal((await plant.asOwner<{ n: string }>('select count(*) as n from gate_decision where gate_id = $1', [gate]))[0]!.n, '3')
  })

  it('a gate that continued still expires', async () => {
    const { gate, workflowId } = await openGate({ expiresAfterSeconds: 15 })
    await nudgeOn(workflowId, messageNames.withdrawGate)
    assert.equal((await plant.client.workflow.getHandle(workflowId).result() as { state: string }).state, 'expired')
    assert.equal((await plant.gate(gate)).state, 'expired')
  })

  it('an alert keeps its timers and its place in the escalation', async () => {
    const { alertId } = await inSite(plant.pool, plant.site, async (tx) => {
      const { rows: [window] } = await tx.query<{ window_id: string; asset_ref: number }>('select window_id, asset_ref from feature_window order by window_id limit 1')
      const { rows: [release] } = await tx.query<{ release_ref: number }>('select max(release_ref) as release_ref from release')
      const { rows: [score] } = await tx.query<{ score_id: string }>(
        `insert into score (site_id, asset_ref, window_id, window_end, revision, lane, release_ref, role, runtime_digest)
         select site_id, asset_ref, window_id, window_end, revision, lane, $2, 'champion', 'x' from feature_window where window_id = $1 returning score_id`,
        [window!.window_id, release!.release_ref])
      return raiseAlert(tx, {
        assetRef: window!.asset_ref, asset: 'pump-1', ruleId: 'long', severity: 'high', failureMode: 'VIB', recommendedAction: 'Inspect the bearing.',
        releaseRef: release!.release_ref, scoreId: score!.score_id, raisedAtUs: T0, pages: true, nowUs: plant.ctx.nowUs(),
        routing: { channels: { low: [], medium: [], high: ['#pumps'], urgent: [] }, acknowledgeWithinSeconds: 1, escalation: [{ afterSeconds: 1, to: 'shift-lead' }, { afterSeconds: 8, to: 'owner' }] },
      })
    })
    const workflowId = `alert/${alertId}`
    const level = async () => (await plant.asOwner<{ escalation_level: number }>('select escalation_level from alert where alert_id = $1', [alertId]))[0]!.escalation_level
    await until('the first step', async () => await level() === 1)
    await nudgeOn(workflowId, messageNames.alertChanged)
    await nudgeOn(workflowId, messageNames.alertChanged)
    await until('the last step, by a timer of a later run', async () => await level() === 2)
    const kinds = await plant.asOwner<{ kind: string }>('select kind from alert_event where alert_id = $1 order by alert_event_id', [alertId])
    assert.deepEqual(kinds.map(({ kind }) => kind), ['raised', 'overdue', 'escalated', 'escalated'])
  })
})
