import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { collectEvidence, type EvidenceDeps } from '../../../activities/evidence/collect.ts'
import { createModelCache } from '../../../activities/models/load-model.ts'
import { createReplayScorer } from '../../../activities/windows/replay-scorer.ts'
import { canonicalDigest } from '../../../registry/domain/canonical.ts'
import { defaultGovernance } from '../../../registry/domain/governance/family.ts'
import { policySchema, type PolicyInput } from '../../../registry/domain/policy/policy.ts'
import { chunkScores } from '../../../registry/services/back-test/chunk-scores.ts'
import { createActor } from '../../../registry/services/create-actor.ts'
import { createFamily } from '../../../registry/services/create-family.ts'
import { createRelease } from '../../../registry/services/create-release.ts'
import { openGateWith } from '../../../registry/services/gates/open-gate.ts'
import { proposePolicy } from '../../../registry/services/propose-policy.ts'
import { requestPromotion } from '../../../registry/services/gates/request-promotion.ts'
import { previewPolicy } from '../../../registry/services/back-test/preview-policy.ts'
import type { LinkedComparison } from '../../../registry/services/back-test/stored-slice.ts'
import type { Pool } from '../../../registry/store/pool.ts'
import { newestScoreEnd, readScoreSeries } from '../../../registry/store/score-series.ts'
import { usToTimestamp } from '../../../registry/store/sql-time.ts'
import { inSite } from '../../../registry/store/transaction.ts'
import { interruptedPool } from '../../helpers/interrupted-pool.ts'
import { admin, createJudgingSite, S, series, T0, testPolicy, type JudgingSite } from '../../helpers/judging.ts'

interface Body {
  scores: string
  slice: { from: string; to: string; assets: string[]; recordedFailures: number }
  coverage: { windows: number; windowsPossible: number; assetsWithout: string[]; meanGoodFraction: number }
  judgedAgainst: { failures: number; labels: number; digest: string }
  candidate: { backTest: { episodes: number; windows: number; suppressed: number } }
  champion: { backTest: { episodes: number } }
  comparison: LinkedComparison
  replay: { sampled: number; exact: number; failed: number; firstFailure: unknown }
}

/** Steps to 6, a ramp to 8, a plateau of 4, and nothing else. */
const vibration = (s: number): number =>
  (s >= 100 && s < 160 ? 6 : s >= 200 && s < 260 ? ((s - 200) / 60) * 8 : s >= 300 && s < 340 ? 4 : 0.5) + Math.sin(s) / 100
const until = 400

describe('the back-test of a policy change', () => {
  let plant: JudgingSite
  let deps: EvidenceDeps
  let gate: string
  before(async () => {
    plant = await createJudgingSite({ assets: 2 })
    deps = { pool: plant.pool, nowUs: plant.ctx.nowUs, models: createModelCache(plant.objects), scorer: createReplayScorer(createModelCache(plant.objects)) }
    await createActor(plant.ctx, admin, { site: plant.site, id: 'rita', name: 'Rita', kind: 'person', roles: ['reliability-engineer'] })
    await createFamily(plant.ctx, admin, { site: plant.site, id: plant.family, name: 'Pumps', owner: 'rita', drift: {}, governance: defaultGovernance })
    await plant.assign(await plant.release())
    await ship(0, until)
    await plant.asOwner(
      `insert into maintenance_event (site_id, asset_ref, kind, during, recorded_by)
       select site_id, asset_ref, 'failure', tstzrange(${usToTimestamp('$1')}, ${usToTimestamp('$1')}, '[]'), 'test' from asset where asset_id = 'pump-1'`, [T0 + 255 * S])
    gate = await propose({ raiseAt: 3.5, clearAt: 2 })
  })
  after(() => plant?.drop())

  const ship = async (from: number, to: number) => {
    for (let s = from; s < to; s += 100) {
      const all = [series('pump-1/vibration', s, s + 100, vibration), series('pump-1/temperature', s, s + 100, () => 40),
        series('pump-2/vibration', s, s + 100, (at) => vibration(at) / 4), series('pump-2/temperature', s, s + 100, () => 40)]
      await plant.close(await plant.commit({ series: all, completeThroughUs: T0 + (s + 100) * S }))
    }
  }
  let version = 1
  /** The champion's model with another rule, asked for. */
  const propose = async (rule: Partial<PolicyInput['rules'][number]>) => {
    const definition = policySchema.parse({ ...testPolicy, version: ++version, rules: [{ ...testPolicy.rules[0], ...rule }] })
    await proposePolicy(plant.ctx, admin, { site: plant.site, family: plant.family, definition })
    const { releaseId } = await createRelease(plant.ctx, admin, { site: plant.site, model: { name: 'pumps', version: 1 }, policyVersion: version })
    const asked = await requestPromotion(plant.ctx, admin, { site: plant.site, release: releaseId, role: 'champion', reason: 'earlier' })
    assert.equal(asked.kind, 'approve-policy')
    return asked.gate
  }
  const collect = async () => (await collectEvidence(deps, { site: plant.site, gateId: gate })).body as unknown as Body

  it('runs over stored scores and says what is gained and moved, each tied to the score and the alert behind it', async () => {
    const body = await collect()
    assert.equal(body.scores, 'stored')
    assert.deepEqual(body.slice.assets, ['pump-1', 'pump-2'])
    const { alerts, gained, moved, lost } = body.comparison
    assert.deepEqual(alerts, { before: 2, after: 3, kept: 1, moved: 1, gained: 1, lost: 0 })
    assert.deepEqual(lost, [])
    const stored = await plant.asOwner<{ score_id: string; alert_id: string | null; at: string }>(
      `select s.score_id, a.alert_id, to_char(s.window_end at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as at
       from score s join asset using (asset_ref) left join alert a on a.raised_score_id = s.score_id where asset_id = 'pump-1' order by s.window_end`)
    const at = (iso: string) => stored.find((row) => row.at === iso)!
    assert.deepEqual([gained[0]!.asset, gained[0]!.rule, gained[0]!.score, gained[0]!.alert], ['pump-1', 'wear', at(gained[0]!.raised).score_id, null])
    assert.equal(moved[0]!.score, at(moved[0]!.raised).score_id)
    // The first alert was never answered, so its second raise joined it.
    assert.deepEqual([moved[0]!.alert], stored.flatMap(({ alert_id }) => alert_id ?? []))
    assert.ok(moved[0]!.shiftSeconds < 0 && at(moved[0]!.before) !== undefined)
    const raised = await plant.asOwner(`select from score where decision->'rules'->0->>'transition' = 'raised'`)
    assert.equal(raised.length, alerts.before, 'the former policy folds to the alerts that were raised')
    assert.deepEqual(body.comparison.failures?.each.map(({ asset, before, after, leadHoursWon }) => [asset, before.outcome, after.outcome, leadHoursWon > 0]), [['pump-1', 'late', 'late', true]])
    assert.deepEqual(body.comparison.load.map(({ owner, before, after }) => [owner, before.alerts, after.alerts]), [['rita', 2, 3]])
    assert.equal(body.comparison.cost, null)
  })

  it('says what it rests on: coverage, labels and failures, and whether stored scores replay', async () => {
    const body = await collect()
    assert.equal(body.coverage.windows, 2 * (until / 5 - 1))
    assert.equal(body.coverage.windowsPossible, body.coverage.windows)
    assert.equal(body.coverage.meanGoodFraction, 1)
    assert.deepEqual(body.judgedAgainst.failures, 1)
    assert.deepEqual(body.replay, { sampled: 20, exact: 20, equivalent: 0, expired: 0, failed: 0, firstFailure: null })
    await plant.asOwner(`insert into label (site_id, asset_ref, during, value, source_kind, source_id, state)
      select site_id, asset_ref, tstzrange(${usToTimestamp('$1')}, ${usToTimestamp('$2')}), 'normal', 'import', 'x', 'accepted' from asset where asset_id = 'pump-1'`, [T0 + 300 * S, T0 + 340 * S])
    const labelled = await collect()
    assert.equal(labelled.judgedAgainst.labels, 1)
    assert.notEqual(labelled.judgedAgainst.digest, body.judgedAgainst.digest)
    assert.deepEqual(labelled.comparison.labels.normal, { spans: 1, before: 0, after: 1 })
    await plant.asOwner('delete from label')
  })

  it('is the same again, to the digest, for the same commit number', async () => {
    const [one, two] = [await collect(), await collect()]
    assert.equal(canonicalDigest(one), canonicalDigest(two))
    const opened = await openGateWith(plant.ctx, { site: plant.site, gate }, await collectEvidence(deps, { site: plant.site, gateId: gate }))
    assert.equal(opened.state, 'open')
  })

  it('is of one moment: what is labelled, recorded or packed while it is computed changes no figure', async () => {
    const meanwhile = async () => {
      await plant.asOwner(`insert into label (site_id, asset_ref, during, value, source_kind, source_id, state)
        select site_id, asset_ref, tstzrange(${usToTimestamp('$1')}, ${usToTimestamp('$2')}), 'normal', 'import', 'y', 'accepted' from asset where asset_id = 'pump-1'`, [T0 + 300 * S, T0 + 340 * S])
      await plant.asOwner(`insert into maintenance_event (site_id, asset_ref, kind, during, recorded_by)
        select site_id, asset_ref, 'failure', tstzrange(${usToTimestamp('$1')}, ${usToTimestamp('$1')}, '[]'), 'meanwhile' from asset where asset_id = 'pump-2'`, [T0 + 255 * S])
      await chunkScores(plant.ctx, { site: plant.site })
    }
    const undo = () => plant.asOwner("delete from label; delete from maintenance_event where recorded_by = 'meanwhile'; delete from score_chunk; delete from score_chunked")
    const of = (pool: Pool) => ({
      evidence: async () => (await collectEvidence({ ...deps, pool }, { site: plant.site, gateId: gate })).body,
      preview: () => previewPolicy({ pool }, admin, { site: plant.site, family: plant.family, definition: policySchema.parse({ ...testPolicy, version: 9 }) }),
    })
    for (const kind of ['evidence', 'preview'] as const) {
      const undisturbed: unknown = await of(plant.pool)[kind]()
      let happened = false
      const disturbed: unknown = await of(interruptedPool(plant.pool, /last_commit/, async () => { await meanwhile(); happened = true }))[kind]()
      await undo()
      assert.ok(happened)
      assert.deepEqual(disturbed, undisturbed, kind)
    }
  })

  it('tells of a stored score that does not replay once a gate, however often the activity is tried', async () => {
    await plant.asOwner("update score set score = score + 1 where asset_ref = (select asset_ref from asset where asset_id = 'pump-2')")
    const failed = (await collect()).replay.failed
    assert.ok(failed > 0)
    assert.equal((await collect()).replay.failed, failed)
    const [told] = await plant.asOwner<{ events: string; audits: string }>(
      "select (select count(*) from outbox where kind = 'replay.failed') as events, (select count(*) from audit_entry where verb = 'replay-score') as audits")
    assert.deepEqual(told, { events: `${failed}`, audits: `${failed}` })
    const incidents = await plant.asOwner<{ asset_id: string; opened_by: string; windows: number }>(
      'select asset_id, opened_by, (select count(*)::integer from incident_window w where w.incident_id = i.incident_id) as windows from incident i join asset using (asset_ref)')
    assert.deepEqual(incidents, [{ asset_id: 'pump-2', opened_by: 'twinward:evidence', windows: failed }], 'one trouble')
    await plant.asOwner("update score set score = score - 1 where asset_ref = (select asset_ref from asset where asset_id = 'pump-2')")
  })

  it('sees nothing that was committed after its commit number, and of each window what was scored first', async () => {
    const query = async (commitNumber: number) => inSite(plant.pool, plant.site, async (tx) => readScoreSeries(tx, {
      assetRefs: (await tx.query<{ asset_ref: number }>('select asset_ref from asset order by asset_id')).rows.map((row) => row.asset_ref),
      modelVersionRef: 1, fromUs: T0 - S, toUs: T0 + 1e4 * S, commitNumber, signals: ['confidence', 'score', 'feature:vibration_mean'],
      featureNames: ['vibration_mean'],
    }))
    const known = await query(4)
    await ship(until, until + 100)
    // Late and far too high: a revision of windows that were decided long ago.
    await plant.close(await plant.commit({ series: [{ tag: 'pump-1/vibration', timesUs: [T0 + 50.5 * S], values: [900] }], completeThroughUs: T0 + (until + 100) * S }))
    await plant.asOwner("update late_window set noted_at = now() - interval '1 day'")
    assert.ok((await plant.windows.reviseWindows({ site: plant.site })).revised > 0)
    assert.deepEqual(await query(4), known)
    const now = await query(100)
    for (const [asset, columns] of known) {
      const { endUs, signals } = now.get(asset)!
      assert.ok(endUs.length > columns.endUs.length)
      for (const [signal, values] of columns.signals) assert.deepEqual(signals.get(signal)!.subarray(0, values.length), values, signal)
    }
  })

  it('reads the same out of chunks and rows, whatever was packed when', async () => {
    const read = (commitNumber: number, fromUs = T0 - S, toUs = T0 + 1e6 * S) => inSite(plant.pool, plant.site, async (tx) => readScoreSeries(tx, {
      assetRefs: (await tx.query<{ asset_ref: number }>('select asset_ref from asset order by asset_id')).rows.map((row) => row.asset_ref),
      modelVersionRef: 1, fromUs, toUs, commitNumber, signals: ['confidence', 'score'], featureNames: [],
    }))
    const newest = (commitNumber: number) => inSite(plant.pool, plant.site, async (tx) => newestScoreEnd(tx, 1, [1, 2], commitNumber))
    const all = async () => ({
      series: await Promise.all([3, 5, 1000].map((commit) => read(commit)).concat(read(1000, T0 + 100 * S, T0 + 200 * S))), newest: await Promise.all([0, 3, 5, 1000].map(newest)),
    })
    const rows = await all()
    let statements = 0
    const packed = await chunkScores(plant.ctx, { site: plant.site, rest: async () => { statements++ } })
    assert.equal(statements, 1, 'a day of all machines together, as it lies in the store')
    assert.deepEqual([packed.days, packed.windows], [2, rows.series[2]!.get(1)!.endUs.length + rows.series[2]!.get(2)!.endUs.length])
    assert.deepEqual(await all(), rows)
    assert.deepEqual([rows.newest[0], rows.newest[1]! < rows.newest[3]!], [null, true])
    assert.deepEqual(await chunkScores(plant.ctx, { site: plant.site }), { days: 0, windows: 0 }, 'nothing new, nothing to do')

    // A tail in rows, past a gap and past midnight, with a stop by plan in it; then packed too, the day that grew anew.
    await plant.asOwner(`insert into maintenance_event (site_id, asset_ref, kind, during, recorded_by)
      select site_id, asset_ref, 'stop', tstzrange(${usToTimestamp('$1')}, ${usToTimestamp('$2')}), 'test' from asset where asset_id = 'pump-2'`, [T0 + 43_250 * S, T0 + 43_300 * S])
    await ship(until + 200, until + 300)
    await ship(43_200, 43_500)
    const withTail = await all()
    assert.ok(withTail.series[2]!.get(1)!.endUs.length > rows.series[2]!.get(1)!.endUs.length)
    assert.ok(withTail.series[2]!.get(2)!.suppressed.includes(1))
    assert.deepEqual(withTail.series.slice(0, 2), rows.series.slice(0, 2))
    assert.equal((await chunkScores(plant.ctx, { site: plant.site })).days, 4)
    assert.deepEqual(await all(), withTail)
    await plant.asOwner('delete from score_chunk; delete from score_chunked')
    assert.deepEqual(await all(), withTail)
    await Promise.all([1, 2].map(() => chunkScores(plant.ctx, { site: plant.site })))
    assert.deepEqual(await all(), withTail, 'two keepers at once do no harm')
    await plant.asOwner("delete from maintenance_event where kind = 'stop'")
  })

  it('is scored by the model where nothing is stored yet, and says so', async () => {
    await plant.asOwner('alter table alert_event disable trigger user; delete from alert_event; delete from alert; delete from incident_window; delete from score; delete from score_chunk; delete from score_chunked')
    const body = await collect()
    assert.equal(body.scores, 'computed')
    // Of stored windows the newest revision is scored: the late reading's spike is one more alert on both sides.
    assert.deepEqual(body.comparison.alerts, { before: 3, after: 4, kept: 2, moved: 1, gained: 1, lost: 0 })
    assert.equal(body.comparison.gained[0]!.score, null)
    assert.equal(body.replay, null)
  })
})
