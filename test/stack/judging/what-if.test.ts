import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createModelCache } from '../../../activities/models/load-model.ts'
import { createReplayScorer } from '../../../activities/windows/replay-scorer.ts'
import type { FeatureSetInput } from '../../../registry/domain/features/feature-set.ts'
import { policySchema, policyDigest } from '../../../registry/domain/policy/policy.ts'
import { defaultGovernance } from '../../../registry/domain/governance/family.ts'
import { createFamily } from '../../../registry/services/create-family.ts'
import { replayPeriod } from '../../../registry/services/replay/replay-period.ts'
import { whatIfAlert, whatIfPeriod, whatIfScore, type WhatIfInput } from '../../../registry/services/replay/what-if.ts'
import type { ReplayDeps } from '../../../registry/services/replay/replay-score.ts'
import { inSite } from '../../../registry/store/transaction.ts'
import { createMemoryObjectStore } from '../../helpers/memory-object-store.ts'
import { admin, createJudgingSite, S, series, T0, testFeatureSet, testPolicy, type JudgingSite } from '../../helpers/judging.ts'

/** Wears twice: above 5 from 30 to 60, at 4.5 from 80 to 110. */
const vibration = (s: number): number => (s >= 30 && s < 60 ? 6 : s >= 80 && s < 110 ? 4.5 : 0.5) + Math.sin(s) / 100
const until = 140
const rule = testPolicy.rules[0] as typeof testPolicy.rules[number]
const narrow: FeatureSetInput = { ...testFeatureSet, version: 2, windowUs: 5 * S, features: testFeatureSet.features.slice(0, 2) }

async function ship(site: JudgingSite): Promise<void> {
  for (let s = 0; s < until; s += 20) {
    await site.close(await site.commit({ series: [series('pump-1/vibration', s, s + 20, vibration), series('pump-1/temperature', s, s + 20, () => 40)], completeThroughUs: T0 + (s + 20) * S }))
  }
}
interface Said { end_s: number; score: number; decision: { fired: string | null; rules: { transition?: string }[] } }
const said = (site: JudgingSite, where = 'true') => site.asOwner<Said & Record<string, unknown>>(
  `select (extract(epoch from window_end) - $1)::float8 as end_s, score, decision from score where ${where} order by window_end`, [T0 / S])
const raisedAt = (all: readonly Said[]) => all.filter(({ decision }) => decision.rules.some(({ transition }) => transition === 'raised')).map(({ end_s }) => end_s)

describe('a what-if replay', () => {
  let site: JudgingSite
  let deps: ReplayDeps
  const open: JudgingSite[] = []
  before(async () => {
    site = await createJudgingSite()
    open.push(site)
    await site.assign(await site.release())
    await ship(site)
    deps = { ...site.ctx, scorer: createReplayScorer(createModelCache(site.objects)) }
    // Version 102 raises at less, 103 at once, 104 watches what nobody measures: policies that never judged.
    for (const [version, changed] of [[102, { raiseAt: 4, clearAt: 2 }], [103, { onDelayUs: 0 }], [104, { signal: 'feature:oil' }]] as const) {
      const definition = policySchema.parse({ ...testPolicy, version, rules: [{ ...rule, ...changed }] })
      await inSite(site.pool, site.site, (tx) => tx.query(
        "insert into policy (site_id, family_id, version, digest, definition, created_by) values ($1, $2, $3, $4, $5, 'test')", [site.site, site.family, version, policyDigest(definition), JSON.stringify(definition)]))
    }
  })
  after(async () => { for (const each of open) await each.drop() })

  const ask = (more: Partial<WhatIfInput>) => whatIfPeriod(deps, admin, { site: site.site, asset: 'pump-1', fromUs: T0 - S, toUs: T0 + until * S, ...more })
  const iso = (s: number) => new Date(T0 / 1000 + s * 1000).toISOString()
  const same = (text: string | null | undefined, s: number) => assert.equal(Date.parse(text ?? ''), Date.parse(iso(s)))

  it('under the versions of then differs in nothing', async () => {
    const answer = await ask({ release: 'pumps-r1' })
    const { gained, lost, moved, ...rest } = answer
    assert.deepEqual([gained, lost, moved], [[], [], []])
    assert.deepEqual([rest.windows, rest.scores, rest.decisions, rest.alerts, rest.measured], [
      27, { differing: 0, onOneSide: 0, greatest: null }, { differing: 0, first: null }, { before: 1, after: 1, kept: 1, moved: 0, gained: 0, lost: 0 }, 0])
  })

  it('under another policy says what would have been decided and alerted as if it had judged, with links to what was', async () => {
    const answer = await ask({ policyVersion: 102 })
    assert.deepEqual(answer.under, { model: null, featureSet: null, policy: 102 })
    assert.equal(answer.scores.differing, 0, 'a policy changes no score')
    const oracle = await createJudgingSite()
    open.push(oracle)
    await oracle.assign(await oracle.release({ rules: [{ ...rule, raiseAt: 4, clearAt: 2 }] }))
    await ship(oracle)
    const [then, other] = [await said(site), await said(oracle)]
    assert.deepEqual(raisedAt(then), [45])
    const differing = other.filter(({ decision }, i) => decision.fired !== then[i]?.decision.fired)
    assert.equal(answer.decisions.differing, differing.length)
    same(answer.decisions.first?.windowEnd, differing[0]!.end_s)
    const [earlier, second] = raisedAt(other)
    assert.deepEqual(answer.alerts, { before: 1, after: 2, kept: earlier === 45 ? 1 : 0, moved: earlier === 45 ? 0 : 1, gained: 1, lost: 0 })
    same(answer.gained[0]?.raised, second!)
    const [gainedScore] = await site.asOwner<{ score_id: string }>('select score_id from score where window_end = to_timestamp($1)', [T0 / S + second!])
    assert.deepEqual([answer.gained[0]?.scoreId, answer.gained[0]?.alert], [gainedScore?.score_id, null])
  })

  it('ties an alert that moves, and one that is lost, to the alert of then', async () => {
    const [alert] = await site.asOwner<{ alert_id: string; raised_score_id: string }>('select alert_id, raised_score_id from alert')
    const moved = await ask({ policyVersion: 103 })
    assert.deepEqual([moved.alerts.moved, moved.moved[0]?.alert, moved.moved[0]?.beforeScoreId, moved.moved[0]?.shiftSeconds], [1, alert?.alert_id, alert?.raised_score_id, -5])
    const ofAlert = await whatIfAlert(deps, admin, { site: site.site, alert: alert!.alert_id, policyVersion: 103 })
    assert.deepEqual([ofAlert.alerts.moved, ofAlert.moved[0]?.alert, ofAlert.moved[0]?.shiftSeconds], [1, alert?.alert_id, -5])
    assert.equal(ofAlert.more, false)
    const deaf = policySchema.parse({ ...testPolicy, version: 105, rules: [{ ...rule, raiseAt: 50, clearAt: 40 }] })
    await inSite(site.pool, site.site, (tx) => tx.query(
      "insert into policy (site_id, family_id, version, digest, definition, created_by) values ($1, $2, 105, $3, $4, 'test')", [site.site, site.family, policyDigest(deaf), JSON.stringify(deaf)]))
    const lost = await whatIfAlert(deps, admin, { site: site.site, alert: alert!.alert_id, policyVersion: 105 })
    assert.deepEqual([lost.lost.map(({ alert: id }) => id), lost.alerts.after], [[alert?.alert_id], 0])
    const one = await whatIfScore(deps, admin, { site: site.site, scoreId: alert!.raised_score_id, policyVersion: 105 })
    assert.deepEqual([one.windows, one.decisions.differing, one.decisions.first?.before?.fired, one.decisions.first?.after?.fired], [1, 1, 'wear', null])
  })

  it('under another model scores anew, from readings where it reads another feature set; as that model itself would have', async () => {
    const other = await site.release({}, narrow)
    const [model] = await site.asOwner<{ version: number }>('select max(version) as version from model_version')
    const version = model!.version
    const oracle = await createJudgingSite()
    open.push(oracle)
    await oracle.release()
    await oracle.assign(await oracle.release({}, narrow))
    await ship(oracle)
    const truth = new Map((await said(oracle, 'release_ref = (select max(release_ref) from release)')).map(({ end_s, score }) => [end_s, score]))
    const before = await said(site)
    for (const asked of [{ model: { name: 'pumps', version } }, { featureSet: { name: 'pump-condition', version: 2 } }, { release: other }, { model: { name: 'pumps', version }, featureSet: { name: 'pump-condition', version: 2 } }]) {
      const answer = await ask(asked)
      assert.deepEqual([answer.under.model, answer.under.featureSet, answer.measured, answer.unmeasured], [`pumps@${version}`, 'pump-condition@2', 27, 0])
      const differences = before.map(({ end_s, score }) => ({ end_s, score, is: truth.get(end_s) ?? NaN }))
      const worst = differences.reduce((a, b) => (Math.abs(b.is - b.score) > Math.abs(a.is - a.score) ? b : a))
      assert.deepEqual([answer.scores.greatest?.before.score, answer.scores.greatest?.after.score], [worst.score, worst.is])
      same(answer.scores.greatest?.windowEnd, worst.end_s)
      assert.equal(answer.scores.differing, differences.filter(({ score, is }) => score !== is).length)
    }
  })

  it('writes nothing', async () => {
    const counts = () => site.asOwner(`select ${['score', 'feature_window', 'alert', 'audit_entry', 'ledger_entry', 'outbox', 'operation', 'late_window'].map((table) => `(select count(*) from ${table}) as ${table}`).join(', ')}`)
    const before = await counts()
    await ask({ policyVersion: 102 })
    await ask({ model: { name: 'pumps', version: 1 } })
    assert.deepEqual(await counts(), before)
    assert.equal((await replayPeriod(deps, admin, { site: site.site, asset: 'pump-1', fromUs: T0 - S, toUs: T0 + until * S })).class, 'exact')
  })

  it('goes on from where the rules stood where it begins in the middle', async () => {
    const answer = await ask({ fromUs: T0 + 50 * S, toUs: T0 + 58 * S, policyVersion: 102 })
    assert.deepEqual(answer.alerts, { before: 1, after: 1, kept: 1, moved: 0, gained: 0, lost: 0 }, 'the alert is open already, on both sides')
    assert.equal(answer.decisions.differing, 0)
  })

  it('refuses what it cannot answer, with the cure', async () => {
    const refused = (more: Partial<WhatIfInput>, message: RegExp) => assert.rejects(ask(more), (error: Error) => message.test(error.message) || assert.fail(error.message))
    await refused({}, /no other version is named/)
    await refused({ release: 'pumps-r1', policyVersion: 102 }, /leave it out to name them one by one/)
    await refused({ policyVersion: 99 }, /family pumps has no policy version 99/)
    await refused({ model: { name: 'pumps', version: 99 } }, /no version 99 of model pumps/)
    await refused({ release: 'pumps-r99' }, /no release pumps-r99/)
    await refused({ featureSet: { name: 'pump-condition', version: 9 } }, /no feature set pump-condition@9/)
    await refused({ policyVersion: 104 }, /watches feature:oil, which pump-condition@1 does not measure/)
    await refused({ fromUs: T0 + S, toUs: T0 + S, policyVersion: 102 }, /the time is empty/)
    await refused({ fromUs: T0 + 1000 * S, toUs: T0 + 2000 * S, policyVersion: 102 }, /nothing was decided about pump-1/)
    await refused({ asset: 'pump-9', policyVersion: 102 }, /no asset pump-9/)
    await refused({ model: { name: 'pumps', version: 1 }, featureSet: { name: 'pump-condition', version: 2 } }, /reads pump-condition@1, not pump-condition@2/)
    await assert.rejects(whatIfAlert(deps, admin, { site: site.site, alert: '00000000-0000-4000-8000-000000000000', policyVersion: 102 }), { code: 'not_found' })
    await assert.rejects(whatIfScore(deps, admin, { site: site.site, scoreId: '999999', policyVersion: 102 }), { code: 'not_found' })
    await assert.rejects(whatIfPeriod(deps, { id: 'v', roles: ['viewer'], sites: '*' }, { site: site.site, asset: 'pump-1', fromUs: T0, toUs: T0 + S, policyVersion: 102 }), { code: 'forbidden' })
    // What judges another family is known, and is not asked for here.
    await createFamily(site.ctx, admin, { site: site.site, id: 'fans', name: 'Fans', owner: null, drift: {}, governance: defaultGovernance })
    await site.asOwner("insert into model_version (site_id, family_id, name, version, kind, artifact_key, digest, feature_set_ref, dataset_id, metrics, calibration, card, runtime, reason, run_id, created_by)"
      + " select site_id, 'fans', 'fans', 1, kind, artifact_key, digest, feature_set_ref, dataset_id, metrics, calibration, card, runtime, reason, 'fans', created_by from model_version where version = 1")
    await refused({ model: { name: 'fans', version: 1 } }, /fans@1 is a model of fans, and this is a machine of pumps/)
  })

  it('says so where the artifact of a model is gone', async () => {
    const fresh = { ...deps, scorer: createReplayScorer(createModelCache(createMemoryObjectStore())) }
    await assert.rejects(whatIfPeriod(fresh, admin, { site: site.site, asset: 'pump-1', fromUs: T0 - S, toUs: T0 + until * S, release: 'pumps-r1' }), { code: 'expired' })
  })

  it('holds no more windows than one answer can, and says where to end', async () => {
    await site.asOwner(
      `insert into feature_window (site_id, asset_ref, feature_set_ref, window_end, revision, lane, mode, window_start, commit_number, source_time, ingest_time, feature_values, good_fraction, trace_id)
       select w.site_id, w.asset_ref, w.feature_set_ref, to_timestamp($1) + n * interval '5 seconds', 0, lane, mode, to_timestamp($1) + n * interval '5 seconds' - interval '10 seconds', commit_number, source_time, ingest_time, feature_values, good_fraction, trace_id
       from (select * from feature_window where revision = 0 order by window_id limit 1) w, generate_series(1, 10500) n`, [T0 / S + until])
    await site.asOwner(
      `insert into score (site_id, asset_ref, window_id, window_end, revision, lane, release_ref, role, score, confidence, fold_before, decision, runtime_digest)
       select w.site_id, w.asset_ref, w.window_id, w.window_end, 0, w.lane, s.release_ref, s.role, s.score, s.confidence, s.fold_before, s.decision, s.runtime_digest
       from feature_window w, (select * from score order by score_id limit 1) s where w.window_end > to_timestamp($1) and w.revision = 0`, [T0 / S + until])
    const all = { fromUs: T0 + until * S, toUs: T0 + 100_000 * S }
    await assert.rejects(ask({ ...all, policyVersion: 102 }), (error: Error & { code: string; details: { endsAt: string } }) => {
      assert.equal(error.code, 'too_large')
      assert.match(error.message, /10500 windows of pump-1 were decided in that time, and an answer holds 10000: end it at/)
      same(error.details.endsAt, until + 50_000)
      return true
    })
    const fits = await ask({ ...all, toUs: T0 + (until + 50_000) * S, policyVersion: 102 })
    assert.equal(fits.windows, 10_000)
    await assert.rejects(ask({ ...all, toUs: T0 + (until + 50_000) * S, featureSet: { name: 'pump-condition', version: 2 } }), (error: Error) => /10000 windows were measured by another feature set .* 1000 at the most; end the time at/.test(error.message))
  })
})
