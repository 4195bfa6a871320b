import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { createModelCache } from '../../../activities/models/load-model.ts'
import { createReplayScorer } from '../../../activities/windows/replay-scorer.ts'
import { createWorkOrder } from '../../../registry/services/create-work-order.ts'
import { giveFeedback, giveFeedbackInput } from '../../../registry/services/give-feedback.ts'
import { readLineage } from '../../../registry/services/read/lineage.ts'
import { replayAlert, replayPeriod } from '../../../registry/services/replay/replay-period.ts'
import { replayScore, replayStored, type Replay, type ReplayDeps } from '../../../registry/services/replay/replay-score.ts'
import { admin, S, series, T0, testPolicy, type JudgingSite } from '../../helpers/judging.ts'
import { createWornSite, tamper, type WornSite } from '../../helpers/worn-site.ts'

const open: JudgingSite[] = []
after(async () => { for (const site of open) await site.drop() })

const wornSite = async (policy: Parameters<typeof createWornSite>[0] = {}): Promise<WornSite> => {
  const worn = await createWornSite(policy)
  open.push(worn.site)
  return worn
}
const replay = (deps: ReplayDeps, site: JudgingSite, scoreId: string): Promise<Replay> => replayScore(deps, admin, { site: site.site, scoreId })

describe('replay', () => {
  it('is exact for every score, also after more and late data came', async () => {
    const { site, deps } = await wornSite()
    await site.close(await site.commit({ series: [{ tag: 'pump-1/vibration', timesUs: [T0 + 31.5 * S], values: [400] }], completeThroughUs: T0 + 52 * S }))
    const scores = await site.asOwner<{ score_id: string; score: number }>('select score_id, score from score order by score_id')
    assert.ok(scores.length >= 8)
    for (const { score_id, score } of scores) {
      const answer = await replay(deps, site, score_id)
      assert.deepEqual([answer.class, answer.firstDifference, answer.recomputed?.score], ['exact', null, score])
    }
    const audited = await site.asOwner("select 1 from audit_entry where verb = 'replay-score'")
    assert.equal(audited.length, scores.length)
    assert.equal((await site.asOwner("select 1 from outbox where kind = 'replay.failed'")).length, 0)
  })

  it('fails and names the first difference when a stored chunk was tampered with', async () => {
    const { site, scoreId, deps } = await wornSite()
    await tamper(site, 'reading_chunk', 'update reading_chunk set vals[3] = vals[3] + 1e-9')
    const answer = await replay(deps, site, scoreId)
    assert.equal(answer.class, 'failed')
    assert.match(answer.firstDifference?.what ?? '', /^feature vibration_mean$/)
    assert.notEqual(answer.firstDifference?.stored, answer.firstDifference?.recomputed)
    assert.equal((await site.asOwner("select 1 from outbox where kind = 'replay.failed'")).length, 1)
  })

  it('finds a changed score, a changed decision, a changed feature set and another model under the same name', async () => {
    const { site, scoreId, deps } = await wornSite()
    const changes: [string, string, RegExp][] = [
      ['score', 'update score set score = score * 1.0000001', /^score$/],
      ['score', "update score set decision = jsonb_set(decision::jsonb, '{severity}', '\"low\"')::json", /^decision$/],
      ['feature_set', "update feature_set set definition = jsonb_set(definition, '{minGoodFraction}', '0.25')", /^feature set$/],
    ]
    for (const [table, sql, what] of changes) {
      await site.asOwner('create table kept as table ' + table)
      await tamper(site, table, sql)
      const answer = await replay(deps, site, scoreId)
      assert.match(answer.firstDifference?.what ?? 'none', what)
      await tamper(site, table, table === 'score' ? 'update score s set score = k.score, decision = k.decision from kept k where k.score_id = s.score_id'
        : 'update feature_set s set definition = k.definition from kept k where k.feature_set_ref = s.feature_set_ref')
      await site.asOwner('drop table kept')
    }
    assert.equal((await replay(deps, site, scoreId)).class, 'exact', 'all put back')
    const key = [...site.objects.objects.keys()].find((name) => name.startsWith('models/')) as string
    site.objects.objects.set(key, (site.objects.objects.get(key) as Uint8Array).map((byte, i) => (i === 200 ? byte ^ 4 : byte)))
    const fresh = { ...deps, scorer: createReplayScorer(createModelCache(site.objects)) }
    assert.equal((await replay(fresh, site, scoreId)).firstDifference?.what, 'model')
    site.objects.objects.delete(key)
    const gone = await replay({ ...deps, scorer: createReplayScorer(createModelCache(site.objects)) }, site, scoreId)
    assert.deepEqual([gone.class, gone.gone], ['expired', ['model pumps v1']])
  })

  it('fails by a stored state of the rules that cannot stand before its window, and the replay of its time goes on', async () => {
    const { site, scoreId, deps } = await wornSite()
    const states = [{}, 'x', { lastWindowEndUs: 'then', rules: {} }, { lastWindowEndUs: null, rules: { wear: null } }, { lastWindowEndUs: T0 + 1e6 * S, rules: {} }]
    for (const state of states) {
      await tamper(site, 'score', `update score set fold_before = '${JSON.stringify(state)}' where score_id = ${scoreId}`)
      const answer = await replay(deps, site, scoreId)
      assert.deepEqual([answer.class, answer.firstDifference?.what, answer.firstDifference?.stored], ['failed', 'state of the rules before the window', state])
      assert.match(String(answer.firstDifference?.recomputed), /no state of rules|does not come after the last decided one/)
      assert.deepEqual([answer.recomputed?.score, answer.recomputed?.decision], [answer.expected.score, null])
    }
    const decided = await site.asOwner('select 1 from score where decision is not null')
    const whole = await replayPeriod(deps, admin, { site: site.site, asset: 'pump-1', fromUs: T0, toUs: T0 + 100 * S })
    assert.deepEqual([whole.windows, whole.classes.failed, whole.firstDifference?.scoreId], [decided.length, 1, scoreId])
    await tamper(site, 'reading_chunk', 'update reading_chunk set vals[3] = vals[3] + 1e-9')
    assert.match((await replay(deps, site, scoreId)).firstDifference?.what ?? '', /^feature vibration_/, 'what comes first is named first')
  })

  it('in another runtime fails by a decision that is none', async () => {
    const { site, scoreId, deps } = await wornSite()
    await tamper(site, 'score', `update score set decision = '{}' where score_id = ${scoreId}`)
    const answer = await replay({ ...deps, scorer: { ...deps.scorer, runtimeDigest: () => 'another' } }, site, scoreId)
    assert.deepEqual([answer.class, answer.firstDifference?.what], ['failed', 'decision'])
  })

  it('in another runtime compares within the tolerance of the model, and by the decision', async () => {
    const { site, scoreId, deps } = await wornSite()
    const elsewhere = (factor: number): ReplayDeps => ({
      ...deps, scorer: { ...deps.scorer, runtimeDigest: () => 'another', scoreRow: async (model, row) => factor * (await deps.scorer.scoreRow(model, row)) },
    })
    assert.equal((await replay(elsewhere(1 + 1e-6), site, scoreId)).class, 'equivalent')
    const far = await replay(elsewhere(1.5), site, scoreId)
    assert.deepEqual([far.class, far.firstDifference?.what], ['failed', 'score'])
  })

  it('says what retention took', async () => {
    const { site, scoreId, deps } = await wornSite()
    await site.asOwner('drop table reading_chunk_202603')
    const answer = await replay(deps, site, scoreId)
    assert.deepEqual([answer.class, answer.gone, answer.recomputed], ['expired', ['readings of 2026-03'], null])
  })

  it('refuses a score that is not there', async () => {
    const { site, deps } = await wornSite()
    await assert.rejects(replay(deps, site, '999999'), { code: 'not_found' })
  })
})

describe('replay of a time', () => {
  const period = (deps: ReplayDeps, site: JudgingSite, fromS: number, toS: number, most?: number) => replayPeriod(deps, admin, { site: site.site, asset: 'pump-1', fromUs: T0 + fromS * S, toUs: T0 + toS * S }, most)
  const failures = (site: JudgingSite) => site.asOwner<{ payload: { data: { score: string; firstDifference: { what: string } } } }>("select payload from outbox where kind = 'replay.failed'")

  it('is exact over all that was decided about a machine, and of an alert from before it was raised', async () => {
    const { site, scoreId, alertId, deps } = await wornSite()
    const decided = await site.asOwner<{ score_id: string }>("select score_id from score where decision is not null order by window_end")
    const whole = await period(deps, site, 0, 100)
    assert.deepEqual([whole.class, whole.windows, whole.more, whole.firstDifference, whole.classes], ['exact', decided.length, false, null, { exact: decided.length, equivalent: 0, expired: 0, failed: 0 }])
    const half = await period(deps, site, 0, 30)
    assert.ok(half.windows < whole.windows && Date.parse(half.to) * 1000 <= T0 + 30 * S)
    const ofAlert = await replayAlert(deps, admin, { site: site.site, alert: alertId })
    assert.equal(ofAlert.class, 'exact')
    const [raised] = await site.asOwner<{ end: Date }>('select window_end as end from score where score_id = $1', [scoreId])
    assert.ok(Date.parse(ofAlert.from) <= raised!.end.getTime() && Date.parse(ofAlert.to) >= raised!.end.getTime())
    assert.deepEqual((await site.asOwner<{ subject: string }>("select subject from audit_entry where verb = 'replay-period'")).map(({ subject }) => subject), ['asset/pump-1', 'asset/pump-1', `alert/${alertId}`])
    assert.deepEqual(await failures(site), [])
  })

  it('finds the first window that was changed, and is one incident however many fail', async () => {
    const { site, deps } = await wornSite()
    await tamper(site, 'reading_chunk', 'update reading_chunk set vals[3] = vals[3] + 1e-9')
    const { class: outcome, classes, firstDifference } = await period(deps, site, 0, 100)
    assert.equal(outcome, 'failed')
    assert.ok(classes.failed >= 2)
    assert.match(firstDifference?.what ?? '', /^feature vibration_/)
    const told = await failures(site)
    assert.deepEqual(told.map(({ payload }) => [payload.data.score, payload.data.firstDifference.what]), [[firstDifference?.scoreId, firstDifference?.what]])
  })

  it('of an alert goes from the first window in which its rule held, however delay and hop lie', async () => {
    for (const onDelayUs of [0, 5 * S, 7 * S]) {
      const { site, scoreId, alertId, deps } = await wornSite({ rules: [{ ...testPolicy.rules[0]!, onDelayUs }] })
      const held = await site.asOwner<{ end: Date; raising: boolean }>(
        `select window_end as end, score_id = ${scoreId} as raising from score where decision::jsonb @@ '$.rules[*].value >= 5' order by window_end`)
      assert.equal(held.findIndex(({ raising }) => raising), Math.ceil(onDelayUs / (5 * S)), 'windows it held before the one that raised')
      const { from, class: outcome } = await replayAlert(deps, admin, { site: site.site, alert: alertId })
      assert.deepEqual([Date.parse(from), outcome], [held[0]!.end.getTime(), 'exact'])
    }
  })

  it('misses no window between one answer and the next, though both lanes decided windows that end together', async () => {
    const { site, deps } = await wornSite()
    await site.close(await site.commit({
      gateway: 'gw-2', mode: 'backfill', completeThroughUs: T0 + 52 * S, series: [{ ...series('pump-1/vibration', 0, 52, () => 1), revision: 1 }, { ...series('pump-1/temperature', 0, 52, () => 41), revision: 1 }],
    }))
    const decided = await site.asOwner<{ lane: string; end: Date }>('select lane, window_end as end from score where decision is not null')
    const ends = new Set(decided.map(({ end }) => end.getTime())).size
    assert.ok(ends < decided.length, 'some windows end together')
    for (const most of [1, 2, 3]) {
      let windows = 0
      let from = T0
      for (let more = true; more;) {
        const part = await period(deps, site, (from - T0) / S, 100, most)
        assert.deepEqual([part.class, part.windows >= Math.min(most, decided.length - windows)], ['exact', true])
        windows += part.windows
        from = Date.parse(part.to) * 1000
        more = part.more
      }
      assert.equal(windows, decided.length, `${most} at a time`)
    }
  })

  it('finds a decision that is right for a state it was never in', async () => {
    const { site, scoreId, deps } = await wornSite()
    // Score by score all is well: only the chain knows that the rule did not stand like that.
    const [last] = await site.asOwner<{ score_id: string }>('select score_id from score where decision is not null order by window_end desc limit 1')
    assert.notEqual(last!.score_id, scoreId)
    const { foldAfter } = await replayStored(deps, admin, { site: site.site, scoreId: last!.score_id })
    await tamper(site, 'score', `update score set fold_before = null where score_id = ${last!.score_id}`)
    const { foldAfter: other, replay: alone } = await replayStored(deps, admin, { site: site.site, scoreId: last!.score_id })
    assert.notDeepEqual(other, foldAfter)
    await tamper(site, 'score', `update score set decision = '${JSON.stringify(alone.recomputed?.decision)}' where score_id = ${last!.score_id}`)
    assert.equal((await replay(deps, site, last!.score_id)).class, 'exact')
    const whole = await period(deps, site, 0, 100)
    assert.deepEqual([whole.class, whole.firstDifference?.scoreId, whole.firstDifference?.what], ['failed', last!.score_id, 'state of the rules before the window'])
    // As well where it is the first of an answer.
    const but = await period(deps, site, 0, 100, whole.windows - 1)
    assert.deepEqual([but.class, but.windows, but.more], ['exact', whole.windows - 1, true])
    const rest = await period(deps, site, (Date.parse(but.to) * 1000 - T0) / S, 100)
    assert.deepEqual([rest.class, rest.windows, rest.firstDifference?.scoreId], ['failed', 1, last!.score_id])
  })

  it('refuses a machine that is not there, a time without decisions, and an alert that is not there', async () => {
    const { site, deps } = await wornSite()
    await assert.rejects(replayPeriod(deps, admin, { site: site.site, asset: 'pump-9', fromUs: T0, toUs: T0 + S }), { code: 'not_found', message: /no asset pump-9/ })
    await assert.rejects(replayPeriod(deps, admin, { site: site.site, asset: 'pump-1', fromUs: T0 + S, toUs: T0 }), { code: 'invalid', message: /the time is empty: it ends at/ })
    await assert.rejects(period(deps, site, 500, 600), { code: 'not_found', message: /nothing was decided about pump-1 between/ })
    await assert.rejects(replayAlert(deps, admin, { site: site.site, alert: '00000000-0000-4000-8000-000000000000' }), { code: 'not_found' })
  })
})

describe('lineage', () => {
  it('leads from an alert down to raw batches and up to what was allowed to judge', async () => {
    const { site, scoreId, alertId } = await wornSite()
    const { nodes, edges } = await readLineage(site.ctx, admin, { site: site.site, alert: alertId })
    const kinds = nodes.map(({ kind }) => kind)
    for (const kind of ['alert', 'decision', 'score', 'window', 'release', 'model', 'feature-set', 'policy', 'readings', 'dataset', 'assignment', 'batch']) {
      assert.ok((kinds as string[]).includes(kind), `${kind} is missing`)
    }
    const ids = new Set(nodes.map(({ id }) => id))
    for (const { from, to } of edges) assert.ok(ids.has(from) && ids.has(to))
    const reached = new Set([`alert/${alertId}`])
    for (let grew = true; grew;) {
      const before = reached.size
      for (const { from, to } of edges) if (reached.has(from)) reached.add(to)
      grew = reached.size > before
    }
    assert.deepEqual([...reached].sort(), [...ids].sort(), 'everything hangs together')
    assert.ok(nodes.some(({ kind, detail }) => kind === 'batch' && /sha256 [0-9a-f]{64}, object gw-1/.test(detail ?? '')))
    const byScore = await readLineage(site.ctx, admin, { site: site.site, score: scoreId })
    assert.deepEqual(byScore.nodes.map(({ id }) => id).sort(), [...ids].sort(), 'a score leads up to the alert it raised')
    await assert.rejects(readLineage(site.ctx, admin, { site: site.site, score: '999999' }), { code: 'not_found' })
  })

  it('leads up to the work order and the outcome', async () => {
    const { site, scoreId, alertId } = await wornSite()
    const input = { site: site.site, alert: alertId }
    const { number } = await createWorkOrder(site.ctx, admin, input)
    await giveFeedback(site.ctx, admin, giveFeedbackInput.parse({ ...input, verdict: 'false-alarm', note: 'a loose sensor' }))
    for (const asked of [{ alert: alertId }, { score: scoreId }]) {
      const { nodes, edges } = await readLineage(site.ctx, admin, { site: site.site, ...asked })
      assert.deepEqual(nodes.slice(0, 3).map(({ kind, level }) => [kind, level]).sort(), [['alert', 0], ['outcome', -1], ['work-order', -1]])
      assert.match(nodes.find(({ kind }) => kind === 'outcome')?.label ?? '', /^false alarm, says /)
      assert.match(nodes.find(({ kind }) => kind === 'outcome')?.detail ?? '', /a loose sensor$/)
      assert.equal(nodes.find(({ kind }) => kind === 'work-order')?.label, `${number}, open`)
      assert.equal(edges.filter(({ to }) => to === `alert/${alertId}`).length, 2)
    }
  })

  it('shows who let the release judge where the machine stood when it was scored', async () => {
    const { site, alertId } = await wornSite()
    const [release] = await site.asOwner<{ release_id: string }>('select release_id from release')
    await site.assign(release!.release_id, 'champion', { kind: 'line', id: 'line-1' })
    await site.asOwner("update score set scored_at = now()")
    await site.asOwner("insert into line (site_id, line_id, area_id, name) select site_id, 'line-2', area_id, 'Line 2' from line")
    await site.asOwner('update asset_version set valid = tstzrange(lower(valid), now())')
    await site.asOwner(`insert into asset_version (asset_ref, site_id, valid, name, class, family_id, line_id)
      select asset_ref, site_id, tstzrange(upper(valid), null), name, class, family_id, 'line-2' from asset_version`)
    const { nodes } = await readLineage(site.ctx, admin, { site: site.site, alert: alertId })
    assert.deepEqual(nodes.filter(({ kind }) => kind === 'assignment').map(({ label }) => label), ['champion of line line-1'])
  })

  it('leads from a score that raised an open alert again up to it', async () => {
    const { site, scoreId, alertId } = await wornSite()
    const [later] = await site.asOwner<{ score_id: string }>('select score_id from score where decision is not null and score_id > $1 order by score_id limit 1', [scoreId])
    await site.asOwner("insert into alert_event (site_id, alert_id, kind, actor_id, detail) values ($1, $2, 'raised-again', 'twinward:decision', jsonb_build_object('score', $3::text))", [site.site, alertId, later!.score_id])
    const { nodes, edges } = await readLineage(site.ctx, admin, { site: site.site, score: later!.score_id })
    assert.match(nodes.find(({ id }) => id === `alert/${alertId}`)?.detail ?? '', /raised again by this/)
    assert.ok(edges.some(({ from, to }) => from === `alert/${alertId}` && to === `decision/${later!.score_id}`))
  })

  it('names the sites whose commits a dataset is of, and where a model was copied from', async () => {
    const { site, scoreId } = await wornSite()
    const nodesOf = async () => {
      const { nodes } = await readLineage(site.ctx, admin, { site: site.site, score: scoreId })
      return ['dataset', 'model'].map((kind) => nodes.find((node) => node.kind === kind))
    }
    assert.equal((await nodesOf())[0]?.label, '200 windows as of commit 0')
    await tamper(site, 'dataset', "update dataset set commit_number = 7, manifest = '{\"site\": \"hamburg\"}'")
    await tamper(site, 'model_version', "update model_version set copied_from = '{\"site\": \"hamburg\", \"name\": \"pumps-pca\", \"version\": 3, \"by\": \"mia\"}'")
    const [dataset, model] = await nodesOf()
    assert.equal(dataset?.label, '200 windows as of commit 7 of hamburg')
    assert.match(model?.detail ?? '', /copied from hamburg\/pumps-pca@3 by mia/)
    await tamper(site, 'dataset', "update dataset set manifest = '{\"site\": \"hamburg\", \"sites\": [{\"site\": \"hamburg\", \"commitNumber\": 7}, {\"site\": \"bremen\", \"commitNumber\": 9}]}'")
    assert.equal((await nodesOf())[0]?.label, '200 windows as of commit 7 of hamburg, 9 of bremen')
  })

  it('says of a score whose rule waits out its delay that the rule is pending', async () => {
    const { site } = await wornSite()
    const [pending] = await site.asOwner<{ score_id: string }>("select score_id from score where decision::jsonb @@ '$.rules[*].state == \"pending\"' order by score_id limit 1")
    assert.ok(pending, 'a window was scored while the rule waited')
    const { nodes } = await readLineage(site.ctx, admin, { site: site.site, score: pending.score_id })
    const decision = nodes.find(({ kind }) => kind === 'decision')
    assert.match(decision?.label ?? '', / pending, not raised$/)
    assert.match(decision?.detail ?? '', /held since .*, raises if it still holds at /)
    const rule = decision?.rules?.find(({ state }) => state === 'pending')
    assert.ok(rule?.waitsUntil && Date.parse(rule.waitsUntil) > Date.parse(rule.since), JSON.stringify(decision?.rules))
  })
})
