import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { createModelCache } from '../../../activities/models/load-model.ts'
import { createReplayScorer } from '../../../activities/windows/replay-scorer.ts'
import type { FeatureSetInput } from '../../../registry/domain/features/feature-set.ts'
import { chunkScores } from '../../../registry/services/back-test/chunk-scores.ts'
import { cancelOperation } from '../../../registry/services/cancel-operation.ts'
import { createFamily } from '../../../registry/services/create-family.ts'
import { defaultGovernance } from '../../../registry/domain/governance/family.ts'
import { pauseOperation, resumeOperation } from '../../../registry/services/pause-operation.ts'
import { rollBack } from '../../../registry/services/gates/roll-back.ts'
import { readLineage } from '../../../registry/services/read/lineage.ts'
import { getOperation } from '../../../registry/services/read/operations.ts'
import { listScores } from '../../../registry/services/read/scores.ts'
import { replayPeriod } from '../../../registry/services/replay/replay-period.ts'
import { replayScore } from '../../../registry/services/replay/replay-score.ts'
import { startRescore, type RescoreRequest } from '../../../registry/services/rescore/start-rescore.ts'
import { readScoreSeries } from '../../../registry/store/score-series.ts'
import { readTrainingWindows } from '../../../registry/store/training-windows.ts'
import { inSite } from '../../../registry/store/transaction.ts'
import { admin, createJudgingSite, S, series, T0, testFeatureSet, testPolicy, type JudgingSite } from '../../helpers/judging.ts'
import { rescoreActivitiesOf, runRescore } from '../../helpers/rescore.ts'

const open: JudgingSite[] = []
after(async () => { for (const site of open) await site.drop() })

/** Wears for a while, twice. */
const vibration = (s: number): number => (s >= 30 && s < 60 ? 6 : s >= 80 && s < 110 ? 4.5 : 0.5) + Math.sin(s) / 100
const strict = { rules: [{ ...testPolicy.rules[0] as typeof testPolicy.rules[number], raiseAt: 4, clearAt: 2 }] }
const until = 140

async function siteFor(options: Parameters<typeof createJudgingSite>[0] = {}): Promise<JudgingSite> {
  const site = await createJudgingSite(options)
  open.push(site)
  await site.asOwner("update site set settings = '{\"windows\": {\"revisionQuietUs\": 0}}' where site_id = $1", [site.site])
  return site
}
async function ship(site: JudgingSite, fromS: number, toS: number, assets = ['pump-1']): Promise<void> {
  for (let s = fromS; s < toS; s += 20) {
    await site.close(await site.commit({
      series: assets.flatMap((asset) => [series(`${asset}/vibration`, s, s + 20, vibration), series(`${asset}/temperature`, s, s + 20, () => 40)]),
      completeThroughUs: T0 + (s + 20) * S,
    }))
  }
}

const ask = (site: JudgingSite, more: Partial<RescoreRequest> = {}) => startRescore(site.ctx, admin, {
  site: site.site, family: site.family, fromUs: T0 - S, toUs: T0 + until * S, reason: 'a wrong level', ...more,
})
const look = (site: JudgingSite, operation: string) => getOperation(site.ctx, admin, { site: site.site, operation })

/** Everything that was there before a rescore, as it must be after it. */
const history = (site: JudgingSite) => Promise.all([
  'select to_jsonb(w) as row from feature_window w where rescore_ref is null order by window_id', 'select to_jsonb(s) as row from score s where rescore_ref is null order by score_id',
  'select to_jsonb(a) as row from alert a order by alert_id', 'select to_jsonb(e) as row from alert_event e order by 1', 'select to_jsonb(l) as row from asset_lane l order by asset_ref, feature_set_ref, lane',
].map((sql) => site.asOwner(sql)))

interface Judged { end_s: number; score: number; confidence: number; suppressed: boolean; fold_before: unknown; decision: unknown }
const judged = (site: JudgingSite, which: string): Promise<Judged[]> => site.asOwner<Judged & Record<string, unknown>>(
  `select (extract(epoch from window_end) - $1)::float8 as end_s, score, confidence, suppressed, fold_before, decision from score where ${which} order by asset_ref, window_end`, [T0 / S])
const alertsOf = (site: JudgingSite) => site.asOwner("select 1 from outbox where kind like 'alert.%' or kind = 'window.scored' or channel = 'webhook'")

describe('a rescore', () => {
  it('judges as if the release had been in force from the start, beside what was decided, and pages nobody', async () => {
    const site = await siteFor({ assets: 2 })
    await site.assign(await site.release())
    await ship(site, 0, until, ['pump-1', 'pump-2'])
    await site.asOwner(
      `insert into maintenance_event (site_id, asset_ref, kind, during, recorded_by) select site_id, asset_ref, 'stop', tstzrange(to_timestamp($1), to_timestamp($2), '[]'), 'test' from asset where asset_id = 'pump-1'`,
      [T0 / S + 40, T0 / S + 50])
    const other = await site.release(strict)
    await site.assign(other)
    const before = await history(site)
    const told = (await alertsOf(site)).length
    const { operationId, repeated } = await ask(site)
    assert.equal(repeated, false)
    const result = await runRescore(site, operationId)
    assert.deepEqual(result, { windows: 54, written: 54, assets: 2, releases: [other] })
    assert.deepEqual(await history(site), before, 'nothing that was there has changed')
    assert.equal((await alertsOf(site)).length, told, 'nobody is told of what it found')
    const { state, progress } = await look(site, operationId)
    assert.deepEqual([state, progress['windows'], progress['assets']], ['succeeded', { done: 54, all: 54 }, { done: 2, all: 2 }])

    const oracle = await siteFor({ assets: 2 })
    await oracle.release()
    await oracle.assign(await oracle.release(strict))
    await ship(oracle, 0, until, ['pump-1', 'pump-2'])
    assert.deepEqual(await judged(site, 'rescore_ref is not null'), await judged(oracle, 'true'))
    const raised = (await judged(site, 'rescore_ref is not null')).filter(({ decision }) => JSON.stringify(decision).includes('"raised"'))
    assert.ok(raised.length >= 4, 'the stricter level raises twice for each machine')

    const told2 = await site.asOwner<{ kind: string; actor_id: string; body: string }>("select kind, actor_id, body from ledger_entry where kind like 'rescore.%' order by entry_id")
    assert.deepEqual(told2.map(({ kind, body }) => [kind, (JSON.parse(body) as { operation: string }).operation]), [['rescore.asked', operationId], ['rescore.ended', operationId]])
    assert.equal((await site.asOwner("select 1 from audit_entry where verb = 'start-rescore'")).length, 1)
    assert.equal((await site.asOwner("select 1 from outbox where kind in ('rescore.asked', 'rescore.ended')")).length, 2)
  })

  it('leaves replays, back-tests and training as they were; its own scores replay too, and name it', async () => {
    const site = await siteFor()
    await site.assign(await site.release())
    await ship(site, 0, until)
    const deps = { ...site.ctx, scorer: createReplayScorer(createModelCache(site.objects)) }
    const period = () => replayPeriod(deps, admin, { site: site.site, asset: 'pump-1', fromUs: T0 - S, toUs: T0 + until * S })
    const [facts] = await site.asOwner<{ model: number; set: number; asset: number; commit: string }>(
      'select (select max(model_version_ref) from model_version) as model, (select max(feature_set_ref) from feature_set) as set, (select max(asset_ref) from asset) as asset, (select last_commit from site where site_id = $1) as commit', [site.site])
    const range = { assetRefs: [facts!.asset], fromUs: 0, toUs: T0 + until * S, commitNumber: Number(facts!.commit) }
    const learned = () => inSite(site.pool, site.site, (tx) => readTrainingWindows(tx, { ...range, featureSetRef: facts!.set, limit: 1000 }))
    const told = () => inSite(site.pool, site.site, (tx) => readScoreSeries(tx, { ...range, modelVersionRef: facts!.model, signals: ['confidence', 'score'], featureNames: [] }))
    const before = [await period(), await learned(), await told()]
    const { operationId } = await ask(site)
    await runRescore(site, operationId)
    assert.deepEqual([await period(), await learned(), await told()], before)
    assert.deepEqual(await chunkScores(site.ctx, { site: site.site }), { days: 1, windows: 27 }, 'packed is what was said then')
    assert.deepEqual(await told(), before[2])
    const { items } = await listScores(site.ctx, admin, { site: site.site, asset: 'pump-1', order: 'asc', limit: 500 })
    const mine = items.filter(({ rescore }) => rescore === operationId)
    assert.equal(mine.length, 27)
    for (const { id } of mine) assert.equal((await replayScore(deps, admin, { site: site.site, scoreId: id })).class, 'exact')
    const { nodes } = await readLineage(site.ctx, admin, { site: site.site, score: mine[0]!.id })
    const node = nodes.find(({ kind }) => kind === 'rescore')
    assert.match(`${node?.label}: ${node?.detail}`, new RegExp(`rescored for twinward:test: a wrong level; .*${operationId}`))
  })

  it('measures what a release with other features has no windows of, and is as good as if it had', async () => {
    const narrow: FeatureSetInput = { ...testFeatureSet, version: 2, windowUs: 5 * S, features: testFeatureSet.features.slice(0, 2) }
    const site = await siteFor()
    await site.assign(await site.release())
    await ship(site, 0, until)
    const other = await site.release(strict, narrow)
    await site.assign(other)
    assert.deepEqual(await site.asOwner('select 1 from feature_window w join feature_set using (feature_set_ref) where version = 2'), [])
    const { operationId } = await ask(site)
    assert.deepEqual(await runRescore(site, operationId), { windows: 27, written: 27, assets: 1, releases: [other] })

    const oracle = await siteFor()
    await oracle.release()
    await oracle.assign(await oracle.release(strict, narrow))
    await ship(oracle, 0, until)
    // Its first window is shorter, and so lies where no window of the other set ends.
    const wanted = (await judged(oracle, 'release_ref = (select max(release_ref) from release)')).filter(({ end_s }) => end_s > 5)
    const found = await judged(site, 'rescore_ref is not null')
    assert.deepEqual(found.map(({ end_s, score, confidence }) => ({ end_s, score, confidence })), wanted.map(({ end_s, score, confidence }) => ({ end_s, score, confidence })))
    const newer = await site.asOwner<{ least: number }>('select min(revision) as least from feature_window where rescore_ref is not null')
    assert.equal(newer[0]?.least, 1, 'never what was closed in time')
  })

  it('goes on from how the rules stood then where it begins in the middle, and counts up from a revision that late readings made', async () => {
    const site = await siteFor()
    await site.assign(await site.release())
    await ship(site, 0, until)
    await site.close(await site.commit({ series: [{ tag: 'pump-1/vibration', timesUs: [T0 + 47.5 * S], values: [7] }], completeThroughUs: T0 + until * S }))
    while ((await site.windows.reviseWindows({ site: site.site })).taken > 0);
    const { operationId } = await ask(site, { fromUs: T0 + 49 * S, toUs: T0 + 70 * S })
    await runRescore(site, operationId)
    const then = await judged(site, 'revision = 0 and window_end > to_timestamp(1) and rescore_ref is null')
    const now = await judged(site, 'rescore_ref is not null')
    assert.deepEqual(now.map(({ end_s }) => end_s), [50, 55, 60, 65, 70])
    assert.deepEqual(now[0]?.fold_before, then.find(({ end_s }) => end_s === 50)?.fold_before)
    assert.match(JSON.stringify(now[0]?.fold_before), /"active"/, 'an alert was open there')
    const revisions = await site.asOwner<{ end_s: number; revisions: number[] }>(
      'select (extract(epoch from window_end) - $1)::float8 as end_s, array_agg(revision order by revision) as revisions from feature_window group by 1 having count(*) > 2', [T0 / S])
    assert.deepEqual(revisions.sort((a, b) => a.end_s - b.end_s), [{ end_s: 50, revisions: [0, 1, 2] }, { end_s: 55, revisions: [0, 1, 2] }])
    // And late readings after it go on from what it wrote.
    await site.close(await site.commit({ series: [{ tag: 'pump-1/vibration', timesUs: [T0 + 52.5 * S], values: [9] }], completeThroughUs: T0 + until * S }))
    while ((await site.windows.reviseWindows({ site: site.site })).taken > 0);
    assert.equal((await site.asOwner('select 1 from feature_window where revision = 3')).length, 1)
  })

  it('asked twice with one id it is done once; asked for something else with it, it is refused', async () => {
    const site = await siteFor()
    await site.assign(await site.release())
    await ship(site, 0, until)
    const asked = await Promise.all([1, 2, 3].map(() => ask(site, { requestId: 'once' })))
    assert.equal(new Set(asked.map(({ operationId }) => operationId)).size, 1)
    assert.deepEqual(asked.map(({ repeated }) => repeated).sort(), [false, true, true])
    await assert.rejects(ask(site, { requestId: 'once', fromUs: T0 }), { code: 'idempotency_conflict' })
    const activities = rescoreActivitiesOf(site)
    const { operationId } = asked[0]!
    await Promise.all([runRescore(site, operationId, activities), runRescore(site, operationId, rescoreActivitiesOf(site))])
    assert.equal((await judged(site, 'rescore_ref is not null')).length, 27, 'two at work on it write each window once')
    await activities.finishRescore({ site: site.site, operationId, outcome: { state: 'failed', error: { code: 'internal', message: 'late' } } })
    assert.equal((await look(site, operationId)).state, 'succeeded', 'an end is an end')
    assert.equal((await site.asOwner("select 1 from ledger_entry where kind = 'rescore.ended'")).length, 1)
  })

  it('waits while paused, and stops when cancelled; what was written stays', async () => {
    const site = await siteFor()
    await site.assign(await site.release())
    await ship(site, 0, until)
    const { operationId } = await ask(site)
    const target = { site: site.site, operation: operationId }
    const input = { site: site.site, operationId }
    const activities = rescoreActivitiesOf(site)
    await activities.countRescore(input)
    await pauseOperation(site.ctx, admin, target)
    await pauseOperation(site.ctx, admin, target)
    const standing = await activities.rescoreStanding({ ...input, most: 3 })
    assert.equal(standing.paused, true)
    await activities.rescoreAsset({ ...input, asset: standing.assets[0]! })
    assert.equal((await judged(site, 'rescore_ref is not null')).length, 0)
    assert.equal((await look(site, operationId)).paused?.by, admin.id)
    await resumeOperation(site.ctx, admin, target)
    assert.equal((await activities.rescoreStanding({ ...input, most: 3 })).paused, false)
    assert.equal((await site.asOwner("select 1 from outbox where kind = 'signal' and payload->>'signal' = 'operationChanged'")).length, 2, 'one for each change')
    assert.deepEqual((await site.asOwner<{ verb: string }>("select verb from audit_entry where verb like '%-operation' order by 1")).map(({ verb }) => verb), ['pause-operation', 'resume-operation'])
    await cancelOperation(site.ctx, admin, target)
    await assert.rejects(pauseOperation(site.ctx, admin, target), { code: 'conflict' })
    assert.equal((await activities.rescoreStanding({ ...input, most: 3 })).cancelling, true)
    await activities.finishRescore({ ...input, outcome: { state: 'cancelled' } })
    await assert.rejects(resumeOperation(site.ctx, admin, target), { code: 'conflict' })
    await assert.rejects(pauseOperation(site.ctx, admin, { ...target, operation: '00000000-0000-4000-8000-000000000000' }), { code: 'not_found' })
  })

  it('two that overlap do not leave a patchwork: the later one is refused, whoever comes first; after its end, or of other windows, it is taken', async () => {
    const site = await siteFor({ assets: 2 })
    await site.assign(await site.release())
    await ship(site, 0, until, ['pump-1', 'pump-2'])
    const asked = await Promise.allSettled([1, 2, 3].map((i) => ask(site, { requestId: `race-${i}` })))
    const [first] = asked.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
    assert.equal(asked.filter(({ status }) => status === 'fulfilled').length, 1)
    for (const one of asked) if (one.status === 'rejected') assert.match(String(one.reason), new RegExp(`operation ${first!.operationId} has some of these windows.*cancel it`))
    const part = { family: undefined, assets: ['pump-1'] }
    await assert.rejects(ask(site, { ...part, fromUs: T0 + 100 * S }), { code: 'conflict' })
    await pauseOperation(site.ctx, admin, { site: site.site, operation: first!.operationId })
    await assert.rejects(ask(site, part), { code: 'conflict' }, 'one that waits will go on')
    await resumeOperation(site.ctx, admin, { site: site.site, operation: first!.operationId })
    await runRescore(site, first!.operationId)
    const second = await ask(site, { ...part, toUs: T0 + 60 * S })
    await ask(site, { ...part, fromUs: T0 + 60 * S })
    await cancelOperation(site.ctx, admin, { site: site.site, operation: second.operationId })
    await assert.rejects(ask(site, { ...part, toUs: T0 + 50 * S }), { code: 'conflict' }, 'until it has stopped it may write')
  })

  it('refuses what makes no sense, saying why', async () => {
    const site = await siteFor()
    await ship(site, 0, 40)
    await assert.rejects(ask(site, { family: undefined }), (error: Error) => /nothing says whose windows/.test(error.message))
    await assert.rejects(ask(site, { wholeSite: true }), { code: 'invalid' })
    await assert.rejects(ask(site, { toUs: T0 - S }), (error: Error) => /the time is empty/.test(error.message))
    await assert.rejects(ask(site, { fromUs: site.ctx.nowUs() + S, toUs: undefined }), { code: 'invalid', message: /begins at .* which is in the future/ })
    await assert.rejects(ask(site, { family: undefined, line: 'nowhere' }), { code: 'not_found', message: /no machine stands in line nowhere;/ })
    await assert.rejects(ask(site), (error: Error) => /no release is in force/.test(error.message))
    const release = await site.release()
    await assert.rejects(ask(site, { release }), (error: Error) => /never judged a machine as champion/.test(error.message))
    await site.assign(release)
    await assert.rejects(ask(site, { release: 'pumps-r9' }), { code: 'not_found' })
    await assert.rejects(ask(site, { family: undefined, assets: ['pump-1', 'pump-7'] }), (error: Error) => /no asset pump-7/.test(error.message))
    await assert.rejects(ask(site, { family: 'fans' }), { code: 'not_found' })
    await assert.rejects(ask(site, { line: 'line-9' }), { code: 'not_found' })
    await assert.rejects(startRescore(site.ctx, { id: 'olga', roles: ['operator'], sites: '*' }, { site: site.site, wholeSite: true, fromUs: T0, reason: 'x' }), { code: 'forbidden' })
    const key = [...site.objects.objects.keys()].find((name) => name.startsWith('models/')) as string
    site.objects.objects.set(key, (site.objects.objects.get(key) as Uint8Array).map((byte, i) => (i === 100 ? byte ^ 1 : byte)))
    const { operationId } = await ask(site)
    await assert.rejects(runRescore(site, operationId), { code: 'digest_mismatch' })
    assert.equal((await judged(site, 'rescore_ref is not null')).length, 0)
  })
})

describe('a roll back with a rescore', () => {
  it('judges what the release that goes has judged anew, once, under its reason', async () => {
    const site = await siteFor()
    await createFamily(site.ctx, admin, { site: site.site, id: site.family, name: 'Pumps', owner: null, drift: {}, governance: defaultGovernance })
    let nowUs = T0
    const ctx = { ...site.ctx, nowUs: () => nowUs }
    const first = await site.release()
    const second = await site.release(strict)
    const at = async (release: string, us: number) => {
      await site.asOwner(`insert into assignment (site_id, family_id, role, scope_kind, scope_id, release_ref, valid, reason, assigned_by)
        select $1, $2, 'champion', 'family', $2, release_ref, tstzrange(to_timestamp($4), null), 'test', 'test' from release where release_id = $3`, [site.site, site.family, release, us / S])
    }
    await at(first, T0 - 1000 * S)
    await ship(site, 0, 60)
    await site.asOwner('update assignment set valid = tstzrange(lower(valid), to_timestamp($1))', [T0 / S + 60])
    await at(second, T0 + 60 * S)
    await ship(site, 60, until)
    nowUs = T0 + until * S
    const input = { site: site.site, family: site.family, reason: 'it cried wolf', requestId: 'back', rescore: true }
    const back = await rollBack(ctx, admin, input)
    assert.equal(back.release, first)
    const again = await Promise.all([1, 2].map(() => rollBack(ctx, admin, input)))
    assert.deepEqual(again.map(({ rescore, repeated }) => ({ rescore, repeated })), [1, 2].map(() => ({ rescore: back.rescore, repeated: true })))
    assert.ok(back.rescore)
    const [row] = await site.asOwner<{ reason: string; assignment_id: string; after_s: number; through_s: number }>(
      'select reason, assignment_id, (extract(epoch from after_end) - $1)::float8 as after_s, (extract(epoch from through_end) - $1)::float8 as through_s from rescore', [T0 / S])
    assert.deepEqual(row, { reason: 'it cried wolf', assignment_id: back.assignment, after_s: 60, through_s: until })
    assert.deepEqual(await runRescore(site, back.rescore), { windows: 16, written: 16, assets: 1, releases: [first] })
    assert.deepEqual((await judged(site, 'rescore_ref is not null')).map(({ end_s }) => end_s), Array.from({ length: 16 }, (_, i) => 65 + 5 * i))
    const plain = await rollBack(ctx, admin, { ...input, rescore: false, requestId: 'back-2' })
    assert.deepEqual([plain.release, plain.rescore], [second, null])
    await assert.rejects(rollBack(ctx, admin, { ...input, requestId: 'back-2' }), { code: 'idempotency_conflict' })
  })
})
