import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Actor } from '../../../registry/domain/access/rights.ts'
import { DomainError, type ErrorCode } from '../../../registry/domain/errors.ts'
import { rolloutRequestSchema } from '../../../registry/domain/rollout/plan.ts'
import { createActor } from '../../../registry/services/create-actor.ts'
import { giveFeedback } from '../../../registry/services/give-feedback.ts'
import { decideGate } from '../../../registry/services/gates/decide-gate.ts'
import { openGateWith } from '../../../registry/services/gates/open-gate.ts'
import { requestPromotion } from '../../../registry/services/gates/request-promotion.ts'
import { rollBack } from '../../../registry/services/gates/roll-back.ts'
import { assetInForce } from '../../../registry/services/read/in-force.ts'
import { getRollout } from '../../../registry/services/read/rollouts.ts'
import { advanceRollout, stopRollout } from '../../../registry/services/rollouts/steer-rollout.ts'
import { tendRollout } from '../../../registry/services/rollouts/tend-rollout.ts'
import { sealLedger } from '../../../registry/services/seal-ledger.ts'
import { verifyLedger } from '../../../registry/services/verify-ledger.ts'
import { interruptedPool } from '../../helpers/interrupted-pool.ts'
import { admin, createJudgingSite, S, series, T0, type JudgingSite } from '../../helpers/judging.ts'

const PUMPS = ['pump-1', 'pump-2', 'pump-3', 'pump-4', 'pump-5']
const refusal = (code: ErrorCode, message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof DomainError, String(error))
  assert.equal(error.code, code, error.message)
  assert.match(error.message, message)
  return true
}

/** Real windows and scores; a clock of the test's own, so that dwell times are waited for in no time. */
describe('rollout', () => {
  let plant: JudgingSite
  let champion: string
  let second = 0
  const mia: Actor = { id: 'mia', roles: ['ml-engineer'], sites: '*' }
  // Yesterday: what is put in force then judges what is scored now, however long stages last.
  let nowUs = Date.now() * 1000 - 86_400 * S
  const ctx = () => ({ ...plant.ctx, nowUs: () => (nowUs += 1_000) })
  before(async () => {
    plant = await createJudgingSite({ assets: PUMPS.length })
    for (const [id, role] of [['mia', 'ml-engineer'], ['rita', 'reliability-engineer'], ['otto', 'operator']] as const) {
      await createActor(ctx(), admin, { site: plant.site, id, name: id, kind: 'person', roles: [role] })
    }
    champion = await plant.release()
    await approve((await ask(champion, null)).gate)
    await feed(20)
  })
  after(async () => { await plant?.drop() })

  /** So many seconds of every pump; `worn` ones vibrate as long as told. A window ends every 5 s. */
  async function feed(seconds: number, worn: readonly string[] = [], level = 9): Promise<void> {
    const [fromS, toS] = [second, second + seconds]
    second = toS
    const batch = await plant.commit({
      series: PUMPS.flatMap((pump) => [series(`${pump}/vibration`, fromS, toS, (at) => (worn.includes(pump) ? level : Math.sin(at))), series(`${pump}/temperature`, fromS, toS, (at) => 40 + Math.cos(at / 7))]),
      completeThroughUs: T0 + toS * S,
    })
    await plant.close(batch)
  }

  const ask = (release: string, rollout: Record<string, unknown> | null, more: Partial<Parameters<typeof requestPromotion>[2]> = {}) => requestPromotion(ctx(), mia, {
    site: plant.site, release, role: 'champion', reason: 'better', ...(rollout && { rollout: rolloutRequestSchema.parse(rollout) }), ...more })
  async function approve(gate: string): Promise<void> {
    const { evidenceDigest } = await openGateWith(ctx(), { site: plant.site, gate }, { body: {}, commitNumber: 1 })
    await decideGate(ctx(), { site: plant.site, gate, actor: 'rita', verdict: 'approve', evidenceDigest: evidenceDigest! })
  }
  async function begin(release: string, rollout: Record<string, unknown>): Promise<string> {
    const { gate } = await ask(release, rollout)
    await approve(gate)
    return gate
  }
  const tend = (rollout: string) => tendRollout(ctx(), { site: plant.site, rollout })
  const look = (rollout: string) => getRollout(plant.ctx, mia, { site: plant.site, rollout })
  const at = (rollout: string) => ({ site: plant.site, rollout })
  const pass = (seconds: number) => { nowUs += seconds * S }
  /** `champion beside shadow` of each pump, as the API would say now. */
  const judging = async (): Promise<Record<string, string>> => Object.fromEntries(await Promise.all(PUMPS.map(async (asset): Promise<[string, string]> => {
    const inForce = await assetInForce(ctx(), mia, { site: plant.site, asset })
    return [asset, inForce.map(({ role, release }) => `${role} ${release.id}`).join(', ')]
  })))
  const all = (text: string) => Object.fromEntries(PUMPS.map((pump) => [pump, text]))
  const ledgerKinds = async (rollout: string) => (await plant.asOwner<{ kind: string }>(
    "select kind from ledger_entry where body::jsonb->>'rollout' = $1 or body::jsonb->>'gate' = $1 and kind like 'assignment.%' or body::jsonb->>'requestId' = 'rollout:' || $1 || ':back' order by entry_id", [rollout])).map(({ kind }) => kind)
  const scoredBy = async (release: string, role: string) => (await plant.asOwner<{ asset_id: string }>(
    'select distinct a.asset_id from score s join asset a using (asset_ref) join release r using (release_ref) where r.release_id = $1 and s.role = $2 order by 1', [release, role])).map(({ asset_id }) => asset_id)

  it('shadow, canary, champion: each judges just what it should, and the ledger says who let it in', async () => {
    const release = await plant.release()
    const rollout = await begin(release, {
      shadow: { dwellSeconds: 600, minWindows: 10 }, canary: { dwellSeconds: 600, slice: { percent: 40 } }, champion: { dwellSeconds: 600 }, guards: { fromWindows: 5 },
    })
    assert.deepEqual(await judging(), all(`champion ${champion}, shadow ${release}`))
    await feed(20)
    assert.deepEqual([await scoredBy(release, 'shadow'), await scoredBy(release, 'champion')], [PUMPS, []])
    assert.equal((await tend(rollout)).stage, 'shadow', 'its time is not over')
    pass(600)
    const standing = await tend(rollout)
    assert.deepEqual([standing.state, standing.stage, standing.wakeAtUs], ['running', 'canary', nowUs + 300 * S])

    const slice = (await look(rollout)).plan.canary?.assets ?? []
    assert.equal(slice.length, 2)
    assert.deepEqual(await judging(), Object.fromEntries(PUMPS.map((pump) => [pump, slice.includes(pump) ? `champion ${release}, shadow ${champion}` : `champion ${champion}, shadow ${release}`])))
    const [canary] = await assetInForce(ctx(), mia, { site: plant.site, asset: slice[0]! })
    assert.match(canary?.because ?? '', new RegExp(`canary of rollout ${rollout}.*the narrower scope wins`))
    assert.equal(canary?.approval?.gate, rollout)
    await feed(20)
    assert.deepEqual([await scoredBy(release, 'champion'), await scoredBy(champion, 'shadow')], [slice, slice])
    pass(600)
    assert.equal((await tend(rollout)).stage, 'champion')
    assert.deepEqual(await judging(), all(`champion ${release}, shadow ${champion}`))
    await feed(10)
    pass(600)
    assert.deepEqual(await tend(rollout), { state: 'completed', stage: 'champion', wakeAtUs: null })
    assert.deepEqual(await judging(), all(`champion ${release}`))
    assert.deepEqual(await ledgerKinds(rollout), ['rollout.started', 'rollout.advanced', 'assignment.switched', 'rollout.advanced', 'rollout.completed'])
    const kept = (await look(rollout)).checks.map(({ stage, readings }) => [stage, readings.filter((reading) => reading.tripped).length])
    assert.deepEqual(kept, [['shadow', 0], ['shadow', 0], ['canary', 0], ['champion', 0]])
    await rollBack(ctx(), mia, { site: plant.site, family: plant.family, reason: 'for the next test', requestId: 'whole-way' })
    assert.deepEqual(await judging(), all(`champion ${champion}`))
  })

  it('a guard that trips takes it back at whatever stage, and says which number on which machines; in the shadow nobody was called', async () => {
    const nervous = () => plant.release({ rules: [{
      id: 'wear', signal: 'feature:vibration_mean', comparison: 'above', raiseAt: 3, clearAt: 2, severity: 'high', failureMode: 'VIB', onDelayUs: 0, offDelayUs: 0, recommendedAction: 'Inspect.',
    }] })
    const guards = { alertLoad: { timesChampion: 1, plus: 1 }, disagreement: null, scoreShift: null }
    const release = await nervous()
    const shadow = await begin(release, { shadow: { dwellSeconds: 600 }, guards })
    const alertsBefore = await plant.asOwner('select from alert')
    await feed(20, ['pump-2', 'pump-4'], 4)
    const back = await tend(shadow)
    assert.deepEqual([back.state, back.wakeAtUs], ['rolled-back', null])
    const ended = await look(shadow)
    assert.equal(ended.endedBecause, 'alert load: it would have raised 2 alerts, at most 1 is allowed (pump-2: 1, pump-4: 1)')
    assert.deepEqual(await judging(), all(`champion ${champion}`))
    assert.equal((await plant.asOwner('select from alert')).length, alertsBefore.length)
    await feed(20)

    const another = await nervous()
    const canary = await begin(another, { canary: { dwellSeconds: 600, slice: { assets: ['pump-1', 'pump-2'] } }, guards })
    await feed(20, ['pump-1', 'pump-2'], 4)
    const alerts = await plant.asOwner<{ asset_id: string; alert_id: string }>('select a.asset_id, l.alert_id from alert l join asset a using (asset_ref) join release r using (release_ref) where r.release_id = $1 order by 1', [another])
    assert.deepEqual(alerts.map(({ asset_id }) => asset_id), ['pump-1', 'pump-2'], 'a canary judges: it calls people')
    assert.equal((await tend(canary)).state, 'rolled-back')
    assert.deepEqual(await judging(), all(`champion ${champion}`))
    await feed(20)

    const judge = await nervous()
    const watched = await begin(judge, { champion: { dwellSeconds: 600 }, guards: { ...guards, alertLoad: null, feedback: { maxFalseAlarms: 0 } } })
    assert.deepEqual(await judging(), all(`champion ${judge}, shadow ${champion}`))
    await feed(20, ['pump-3'], 4)
    assert.equal((await tend(watched)).state, 'running')
    const [alert] = await plant.asOwner<{ alert_id: string }>('select alert_id from alert join release r using (release_ref) where r.release_id = $1', [judge])
    await giveFeedback(ctx(), { id: 'otto', roles: ['operator'], sites: '*' }, { site: plant.site, alert: alert!.alert_id, verdict: 'false-alarm', failureMode: null, note: 'it was the floor' })
    assert.equal((await tend(watched)).state, 'rolled-back')
    assert.match((await look(watched)).endedBecause ?? '', /feedback: 1 of its alerts was called false, at most 0 are allowed \(pump-3: 1\)/)
    assert.deepEqual(await judging(), all(`champion ${champion}`))
    assert.deepEqual((await ledgerKinds(watched)).slice(-2), ['assignment.rolled-back', 'rollout.rolled-back'])
    await feed(20)
  })

  it('an older alert that the canary raises again is one of its alerts when somebody calls it false', async () => {
    await feed(20, ['pump-5'])
    await feed(20)
    const [older] = await plant.asOwner<{ alert_id: string }>("select alert_id from alert l join asset a using (asset_ref) join release r using (release_ref) where a.asset_id = 'pump-5' and r.release_id = $1 and l.state <> 'closed'", [champion])
    const release = await plant.release()
    const canary = await begin(release, { canary: { dwellSeconds: 600, slice: { assets: ['pump-5'] } }, guards: { alertLoad: null, disagreement: null, scoreShift: null, feedback: { maxFalseAlarms: 0 } } })
    await feed(20, ['pump-5'])
    assert.equal((await plant.asOwner("select from alert_event where alert_id = $1 and kind = 'raised-again'", [older!.alert_id])).length, 1)
    assert.equal((await tend(canary)).state, 'running')
    // By the clock that the windows are closed by: what was said of the alert before it was raised again is about that.
    await giveFeedback(plant.ctx, { id: 'otto', roles: ['operator'], sites: '*' }, { site: plant.site, alert: older!.alert_id, verdict: 'false-alarm', failureMode: null, note: 'the floor again' })
    assert.equal((await tend(canary)).state, 'rolled-back')
    assert.match((await look(canary)).endedBecause ?? '', /feedback: .*pump-5: 1/)
    await feed(20)
  })

  it('people stop it at any stage by one call, and say when it goes on where the plan leaves that to them', async () => {
    const steps = { shadow: { dwellSeconds: 60 }, canary: { dwellSeconds: 60, slice: { percent: 20 } }, champion: { dwellSeconds: 60 }, advance: 'manual' }
    for (const stages of [0, 1, 2]) {
      const release = await plant.release()
      const rollout = await begin(release, steps)
      for (const from of (['shadow', 'canary'] as const).slice(0, stages)) {
        await assert.rejects(advanceRollout(ctx(), mia, { ...at(rollout), from, reason: 'soon' }), refusal('conflict', /not through yet/))
        await feed(10)
        pass(60)
        assert.equal((await tend(rollout)).stage, from)
        assert.equal((await look(rollout)).ready, true)
        const went = await advanceRollout(ctx(), mia, { ...at(rollout), from, reason: 'looks good' })
        assert.equal(went.repeated, false)
        assert.deepEqual(await advanceRollout(ctx(), mia, { ...at(rollout), from, reason: 'looks good' }), { ...went, repeated: true })
      }
      await assert.rejects(stopRollout(ctx(), { id: 'vera', roles: ['viewer'], sites: '*' }, { ...at(rollout), reason: 'no', requestId: 'x' }), refusal('forbidden', /rollout.steer/))
      const stop = { ...at(rollout), reason: 'the floor shakes', requestId: `stop-${stages}` }
      const stopped = await stopRollout(ctx(), mia, stop)
      assert.deepEqual([stopped.state, stopped.back?.release ?? null], ['stopped', stages === 2 ? champion : null])
      assert.deepEqual(await stopRollout(ctx(), mia, stop), { ...stopped, back: null, repeated: true })
      await assert.rejects(stopRollout(ctx(), admin, { ...stop, requestId: 'other' }), refusal('conflict', /is stopped \(the floor shakes\)/))
      assert.deepEqual(await judging(), all(`champion ${champion}`))
      assert.equal((await tend(rollout)).state, 'stopped', 'what looks later changes nothing')
    }
  })

  it('refuses slices that are none, two rollouts at once, and going back past one that is on its way', async () => {
    const release = await plant.release()
    const canary = (assets: string[]) => ({ canary: { dwellSeconds: 60, slice: { assets } } })
    await assert.rejects(ask(release, canary(['pump-9'])), refusal('invalid', /pump-9 does not stand in family pumps/))
    await assert.rejects(ask(release, canary(PUMPS)), refusal('invalid', /all of family pumps/))
    await assert.rejects(ask(release, { canary: { dwellSeconds: 60, slice: { percent: 50 } } }, { scope: { kind: 'asset', id: 'pump-1' } }), refusal('invalid', /has one that this release would judge/))
    for (const [scope, expected] of [[{ kind: 'line', id: 'line-9' }, /no machine of family pumps stands on line line-9/], [{ kind: 'asset', id: 'pump-9' }, /pump-9 is no machine of family pumps/]] as const) {
      await assert.rejects(ask(release, null, { scope }), refusal('invalid', expected))
      await assert.rejects(ask(release, { shadow: { dwellSeconds: 60 } }, { scope }), refusal('invalid', expected))
      await assert.rejects(rollBack(ctx(), mia, { site: plant.site, family: plant.family, scope, reason: 'back', requestId: `none-${scope.id}` }), refusal('conflict', new RegExp(`^${scope.kind} ${scope.id} of pumps has no champion of its own`)))
    }
    await assert.rejects(ask(release, { shadow: { dwellSeconds: 60 } }, { role: 'shadow' }), refusal('invalid', /ask without a rollout/))
    await approve((await ask(champion, null, { scope: { kind: 'asset', id: 'pump-5' } })).gate)
    await assert.rejects(ask(release, canary(['pump-5'])), refusal('invalid', /pump-5 is judged by what is assigned to asset pump-5/))

    const rollout = await begin(release, canary(['pump-1']))
    const other = await ask(await plant.release(), { shadow: { dwellSeconds: 60 } }, { scope: { kind: 'line', id: 'line-1' } })
    await assert.rejects(approve(other.gate), refusal('conflict', /one rollout at a time/))
    await assert.rejects(rollBack(ctx(), mia, { site: plant.site, family: plant.family, reason: 'back', requestId: 'too-far' }), refusal('conflict', new RegExp(`/v1/rollouts/${rollout}/stop`)))
    // A direct approval takes the seat, and the rollout with it.
    const direct = await plant.release()
    await approve((await ask(direct, null)).gate)
    assert.equal((await look(rollout)).state, 'superseded')
    assert.deepEqual((await judging())['pump-1'], `champion ${direct}`)
    await approve(other.gate)
    await stopRollout(ctx(), mia, { ...at(other.gate), reason: 'clear', requestId: 'clear' })
    await rollBack(ctx(), mia, { site: plant.site, family: plant.family, reason: 'for the next test', requestId: 'clear-2' })
  })

  it('dies after any statement and goes on: nothing half, nothing twice, never two champions', async () => {
    const release = await plant.release()
    const rollout = await begin(release, { shadow: { dwellSeconds: 0, minWindows: 0 }, canary: { dwellSeconds: 0, minWindows: 0, slice: { percent: 20 } }, champion: { dwellSeconds: 0, minWindows: 0 } })
    let deaths = 0
    const states: string[] = []
    for (let dying = 1; (await look(rollout)).state === 'running'; dying++) {
      let n = 0
      const counted = { test: () => ++n === dying } as unknown as RegExp
      const before = await judging()
      const stage = (await look(rollout)).stage
      const pool = interruptedPool(plant.pool, counted, () => Promise.reject(new Error('killed')))
      const result = await tendRollout({ ...ctx(), pool }, at(rollout)).catch((error: unknown) => error)
      if (result instanceof Error) {
        deaths++
        // COMMIT may have been answered; else all is as it was.
        if ((await look(rollout)).stage === stage && (await look(rollout)).state === 'running') assert.deepEqual(await judging(), before)
      } else dying = 0
      states.push((await look(rollout)).stage)
      for (const text of Object.values(await judging())) assert.equal(text.match(/champion/g)?.length, 1, text)
    }
    assert.ok(deaths > 30, `${deaths} deaths`)
    assert.deepEqual([...new Set(states)], ['shadow', 'canary', 'champion'])
    assert.equal((await look(rollout)).state, 'completed')
    assert.deepEqual(await ledgerKinds(rollout), ['rollout.started', 'rollout.advanced', 'assignment.switched', 'rollout.advanced', 'rollout.completed'])
    await rollBack(ctx(), mia, { site: plant.site, family: plant.family, reason: 'for the next test', requestId: 'after-deaths' })
  })

  it('looks, a stop and a roll back in the same moment have one outcome, and the ledger is whole', async () => {
    for (let round = 0; round < 6; round++) {
      const release = await plant.release()
      const rollout = await begin(release, { champion: { dwellSeconds: 0, minWindows: 0 } })
      const outcomes = await Promise.allSettled([
        tend(rollout), tend(rollout), stopRollout(ctx(), mia, { ...at(rollout), reason: 'stop', requestId: `race-${round}` }),
        rollBack(ctx(), mia, { site: plant.site, family: plant.family, reason: 'back', requestId: `race-back-${round}` }),
      ])
      for (const outcome of outcomes) if (outcome.status === 'rejected') assert.ok(outcome.reason instanceof DomainError, String(outcome.reason))
      const { state } = await look(rollout)
      assert.ok(['completed', 'stopped', 'superseded'].includes(state), state)
      assert.equal((await ledgerKinds(rollout)).filter((kind) => ['rollout.completed', 'rollout.stopped', 'rollout.superseded'].includes(kind)).length, 1)
      for (const text of Object.values(await judging())) assert.match(text, /^champion [^,]+$/, 'one champion, and nothing beside it')
    }
    await sealLedger({ ...plant.ctx, signer: null, onRefused: (site, refused) => assert.fail(`${site}: ${refused.message}`) })
    assert.equal((await verifyLedger(plant.ctx, mia, { site: plant.site })).ok, true)
  })
})
