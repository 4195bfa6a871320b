import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Actor } from '../../../registry/domain/access/rights.ts'
import { rolloutRequestSchema } from '../../../registry/domain/rollout/plan.ts'
import { createActor } from '../../../registry/services/create-actor.ts'
import { decideGate } from '../../../registry/services/gates/decide-gate.ts'
import { openGateWith } from '../../../registry/services/gates/open-gate.ts'
import { requestPromotion } from '../../../registry/services/gates/request-promotion.ts'
import { readLineage } from '../../../registry/services/read/lineage.ts'
import { rollBack } from '../../../registry/services/gates/roll-back.ts'
import { getOperation } from '../../../registry/services/read/operations.ts'
import { startRescore } from '../../../registry/services/rescore/start-rescore.ts'
import { stopRollout } from '../../../registry/services/rollouts/steer-rollout.ts'
import { tendRollout } from '../../../registry/services/rollouts/tend-rollout.ts'
import { admin, createJudgingSite, S, series, T0, type JudgingSite } from '../../helpers/judging.ts'
import { runRescore } from '../../helpers/rescore.ts'

const PUMPS = ['pump-1', 'pump-2', 'pump-3']
const slice = { assets: ['pump-1'] }
const guards = { disagreement: null, scoreShift: null }

/** Readings and clock run together: stages and windows lie in the same time. */
describe('a rollout and the windows it judged', () => {
  let plant: JudgingSite
  let champion: string
  let second = 0
  const mia: Actor = { id: 'mia', roles: ['ml-engineer'], sites: '*' }
  let tick = 0
  const ctx = () => ({ ...plant.ctx, nowUs: () => T0 + second * S + ++tick })
  before(async () => {
    plant = await createJudgingSite({ assets: PUMPS.length })
    await plant.asOwner("update site set settings = '{\"windows\": {\"revisionQuietUs\": 0}}' where site_id = $1", [plant.site])
    for (const [id, role] of [['mia', 'ml-engineer'], ['rita', 'reliability-engineer']] as const) await createActor(ctx(), admin, { site: plant.site, id, name: id, kind: 'person', roles: [role] })
    champion = await plant.release()
    await begin(champion, null)
    await feed(60)
  })
  after(async () => { await plant?.drop() })

  /** A window ends every 5 s. */
  async function feed(seconds: number, vibration?: number): Promise<void> {
    const [fromS, toS] = [second, second + seconds]
    second = toS
    await plant.close(await plant.commit({
      series: PUMPS.flatMap((pump) => [series(`${pump}/vibration`, fromS, toS, (at) => vibration ?? Math.sin(at)), series(`${pump}/temperature`, fromS, toS, (at) => 40 + Math.cos(at / 7))]), completeThroughUs: T0 + toS * S,
    }))
  }
  async function begin(release: string, rollout: Record<string, unknown> | null): Promise<string> {
    const { gate } = await requestPromotion(ctx(), mia, { site: plant.site, release, role: 'champion', reason: 'better', ...(rollout && { rollout: rolloutRequestSchema.parse(rollout) }) })
    const { evidenceDigest } = await openGateWith(ctx(), { site: plant.site, gate }, { body: {}, commitNumber: 1 })
    await decideGate(ctx(), { site: plant.site, gate, actor: 'rita', verdict: 'approve', evidenceDigest: evidenceDigest! })
    return gate
  }
  /** Which machines a rescore judged by which release, and the time that it covered, in seconds. */
  const revised = async (operation: string) => (await plant.asOwner<{ asset: string; release: string; from: number; to: number }>(
    `select a.asset_id as asset, r.release_id as release, (extract(epoch from min(s.window_end)) - $2)::float8 as from, (extract(epoch from max(s.window_end)) - $2)::float8 as to
     from score s join asset a using (asset_ref) join release r using (release_ref) join rescore x using (rescore_ref) where x.operation_id = $1 group by 1, 2 order by 1`, [operation, T0 / S]))

  it('a rescore beside a canary judges the slice by the canary and the others by the champion', async () => {
    const release = await plant.release()
    const rollout = await begin(release, { canary: { dwellSeconds: 3600, slice }, guards })
    await feed(60)
    const { operationId } = await startRescore(ctx(), admin, { site: plant.site, family: plant.family, fromUs: T0 + 30 * S, toUs: T0 + second * S, reason: 'a wrong level' })
    await runRescore(plant, operationId)
    assert.deepEqual(await revised(operationId), PUMPS.map((asset) => ({ asset, release: asset === 'pump-1' ? release : champion, from: 35, to: 120 })))
    const stop = { site: plant.site, rollout, reason: 'the floor shakes', requestId: 'stop-canary' }
    assert.equal((await stopRollout(ctx(), mia, stop)).rescore, null, 'nobody asked for one')
    await assert.rejects(stopRollout(ctx(), admin, { ...stop, rescore: true }), { code: 'idempotency_conflict' })
  })

  it('a canary that is stopped has its slice judged anew, from when it began to judge it', async () => {
    await feed(5)
    const since = second
    const release = await plant.release()
    const rollout = await begin(release, { canary: { dwellSeconds: 3600, slice }, guards })
    await feed(30)
    const stop = { site: plant.site, rollout, reason: 'the floor shakes', requestId: 'stop-canary-2', rescore: true }
    const stopped = await stopRollout(ctx(), admin, stop)
    assert.ok(stopped.rescore)
    assert.deepEqual(await stopRollout(ctx(), admin, stop), { ...stopped, repeated: true })
    await runRescore(plant, stopped.rescore)
    assert.deepEqual(await revised(stopped.rescore), [{ asset: 'pump-1', release: champion, from: since + 5, to: since + 30 }])
    const [row] = await plant.asOwner<{ body: string }>("select body from ledger_entry where kind = 'rollout.stopped' order by entry_id desc limit 1")
    assert.equal((JSON.parse(row!.body) as { rescore: string }).rescore, stopped.rescore)
  })

  it('one that only cast its shadow leaves nothing to judge anew', async () => {
    const rollout = await begin(await plant.release(), { shadow: { dwellSeconds: 3600 }, guards })
    await feed(20)
    assert.equal((await stopRollout(ctx(), admin, { site: plant.site, rollout, reason: 'no', requestId: 'stop-shadow', rescore: true })).rescore, null)
  })

  it('a guard that takes it back asks for it where the plan says so: all its machines, from its first', async () => {
    await feed(5)
    const since = second
    const release = await plant.release({ rules: [{
      id: 'wear', signal: 'feature:vibration_mean', comparison: 'above', raiseAt: 3, clearAt: 2, severity: 'high', failureMode: 'VIB', onDelayUs: 0, offDelayUs: 0, recommendedAction: 'Inspect.',
    }] })
    const rollout = await begin(release, { canary: { dwellSeconds: 0, minWindows: 0, slice }, champion: { dwellSeconds: 3600 }, guards: { ...guards, fromWindows: 1000, alertLoad: { timesChampion: 1, plus: 1 } }, rescore: true })
    await feed(10)
    assert.equal((await tendRollout(ctx(), { site: plant.site, rollout })).stage, 'champion')
    await feed(20, 4)
    assert.equal((await tendRollout(ctx(), { site: plant.site, rollout })).state, 'rolled-back')
    const [asked] = await plant.asOwner<{ operation_id: string; requested_by: string; reason: string }>("select operation_id, requested_by, reason from rescore where request_id = 'rollout/' || $1", [rollout])
    assert.equal(asked?.requested_by, 'twinward:rollouts')
    assert.match(asked.reason, /^alert load: /)
    await runRescore(plant, asked.operation_id)
    assert.deepEqual(await revised(asked.operation_id), PUMPS.map((asset) => ({ asset, release: champion, from: since + 5, to: since + 30 })))
  })

  it('a roll back has all of it judged anew, from its canary on, and lineage still says who let in what judges again', async () => {
    await feed(5)
    const since = second
    const release = await plant.release()
    const rollout = await begin(release, { canary: { dwellSeconds: 0, minWindows: 0, slice }, champion: { dwellSeconds: 0, minWindows: 0 }, guards })
    await feed(10)
    await tendRollout(ctx(), { site: plant.site, rollout })
    await feed(10)
    assert.equal((await tendRollout(ctx(), { site: plant.site, rollout })).state, 'completed')
    await feed(10)
    const { operationId: older } = await startRescore(ctx(), admin, { site: plant.site, family: plant.family, fromUs: T0, toUs: T0 + second * S, reason: 'asked for before' })
    const back = await rollBack(ctx(), admin, { site: plant.site, family: plant.family, reason: 'it cried wolf', rescore: true, requestId: 'back' })
    assert.notEqual((await getOperation(ctx(), admin, { site: plant.site, operation: older })).cancelRequestedAt, null, 'two of the same windows would leave a patchwork')
    await runRescore(plant, back.rescore ?? '')
    assert.deepEqual(await revised(back.rescore ?? ''), PUMPS.map((asset) => ({ asset, release: champion, from: since + 5, to: since + 30 })))

    const { nodes } = await readLineage(ctx(), admin, { site: plant.site, score: (await plant.asOwner<{ id: string }>('select max(score_id) as id from score where rescore_ref is not null'))[0]!.id })
    assert.deepEqual(nodes.filter(({ kind }) => kind === 'approval').map(({ label }) => label), ['approved by rita'])
    const [event] = await plant.asOwner<{ payload: { data: unknown } }>("select payload from outbox where kind = 'lineage.run' and channel = 'bus' order by outbox_id desc limit 1")
    assert.match(JSON.stringify(event?.payload.data), /"actor":"rita"/)
  })
})
