import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import type { Actor } from '../../../registry/domain/access/rights.ts'
import { acknowledgeIncident, closeIncident } from '../../../registry/services/incidents/answer-incident.ts'
import { getIncident, listIncidents, type IncidentView } from '../../../registry/services/read/incidents.ts'
import { replayPeriod } from '../../../registry/services/replay/replay-period.ts'
import { checkReplay, replayScore, type ReplayDeps } from '../../../registry/services/replay/replay-score.ts'
import { createModelCache } from '../../../activities/models/load-model.ts'
import { createReplayScorer } from '../../../activities/windows/replay-scorer.ts'
import { admin, S, T0, type JudgingSite } from '../../helpers/judging.ts'
import { createWornSite, tamper, type WornSite } from '../../helpers/worn-site.ts'

const open: JudgingSite[] = []
after(async () => { for (const site of open) await site.drop() })
const wornSite = async (assets = 1): Promise<WornSite> => {
  const worn = await createWornSite({}, assets)
  open.push(worn.site)
  return worn
}

const person = (id: string): Actor => ({ id, roles: ['reliability-engineer'], sites: '*' })
const period = (deps: ReplayDeps, site: JudgingSite, asset = 'pump-1') => replayPeriod(deps, admin, { site: site.site, asset, fromUs: T0, toUs: T0 + 100 * S })
const incidentsOf = async (site: JudgingSite, wanted: Partial<Parameters<typeof listIncidents>[2]> = {}): Promise<IncidentView[]> =>
  (await listIncidents(site.ctx, admin, { site: site.site, limit: 100, ...wanted })).items
const told = async (site: JudgingSite): Promise<string[]> =>
  (await site.asOwner<{ kind: string }>("select kind from outbox where channel = 'bus' and (kind like 'incident.%' or kind = 'replay.failed') order by outbox_id")).map(({ kind }) => kind)
const inLedger = async (site: JudgingSite): Promise<string[]> =>
  (await site.asOwner<{ kind: string }>("select kind from ledger_entry where kind like 'incident.%' order by entry_id")).map(({ kind }) => kind)

const spoil = (site: JudgingSite, by: string, asset = 'pump-1') => tamper(site, 'reading_chunk',
  `update reading_chunk set vals[3] = vals[3] ${by} where tag_ref = (select tag_ref from tag where tag_key = '${asset}/vibration')`)

describe('an incident', () => {
  it('is opened by a replay that fails, once however many windows show it, and grows with each further one', async () => {
    const { site, deps, release, scoreId } = await wornSite()
    assert.deepEqual((await period(deps, site)).incidents, [])
    await spoil(site, '+ 1e-9')
    const whole = await period(deps, site)
    const [seen] = whole.incidents
    assert.deepEqual([whole.incidents.length, seen?.opened, whole.classes.failed > 1], [1, true, true])
    const [incident, ...more] = await incidentsOf(site)
    assert.ok(incident)
    assert.deepEqual([more, incident.id, incident.state, incident.asset, incident.release, incident.model, incident.windows, incident.timesSeen, incident.openedBy],
      [[], seen?.id, 'open', 'pump-1', release, 'pumps@1', whole.classes.failed, 1, admin.id])
    assert.deepEqual([incident.firstDifference.scoreId, incident.firstDifference.what, incident.firstDifference.windowEnd],
      [whole.firstDifference?.scoreId, whole.firstDifference?.what, whole.firstDifference?.windowEnd])
    assert.match(incident.summary, new RegExp(`^What ${release} said of pump-1 does not replay: feature vibration_`))
    assert.deepEqual((await replayScore(deps, admin, { site: site.site, scoreId })).incidents, [{ id: incident.id, opened: false }])
    await period(deps, site)
    const [grown, ...others] = await incidentsOf(site)
    assert.deepEqual([others, grown?.windows, grown?.timesSeen], [[], incident.windows, 3], 'the same windows, seen by two replays more')
    assert.deepEqual(await told(site), ['incident.opened', 'replay.failed', 'replay.failed', 'replay.failed'])
    assert.deepEqual(await inLedger(site), ['incident.opened'])
    const audits = await site.asOwner<{ verb: string }>("select verb from audit_entry where subject = $1", [`incident/${incident.id}`])
    assert.deepEqual(audits.map(({ verb }) => verb), ['open-incident'])
    const { firstWindows } = await getIncident(site.ctx, admin, { site: site.site, incident: incident.id })
    assert.deepEqual([firstWindows.length, firstWindows[0]?.scoreId, firstWindows[0]?.asset], [Math.min(20, incident.windows), incident.firstDifference.scoreId, 'pump-1'])
  })

  it('is one a machine where its readings are changed, and one a release where the model is', async () => {
    const { site, deps, release } = await wornSite(2)
    await spoil(site, '+ 1e-9')
    await spoil(site, '+ 1e-9', 'pump-2')
    for (const asset of ['pump-1', 'pump-2']) await period(deps, site, asset)
    assert.deepEqual((await incidentsOf(site)).map(({ asset }) => asset).sort(), ['pump-1', 'pump-2'])
    const key = [...site.objects.objects.keys()].find((name) => name.startsWith('models/')) as string
    site.objects.objects.set(key, (site.objects.objects.get(key) as Uint8Array).map((byte, i) => (i === 200 ? byte ^ 4 : byte)))
    const fresh = { ...deps, scorer: createReplayScorer(createModelCache(site.objects)) }
    const ids = [...(await period(fresh, site)).incidents, ...(await period(fresh, site, 'pump-2')).incidents]
    assert.deepEqual([ids[0]?.opened, ids[1]?.opened, ids[0]?.id === ids[1]?.id], [true, false, true])
    const [ofRelease] = await incidentsOf(site)
    assert.deepEqual([ofRelease?.asset, ofRelease?.release, ofRelease?.firstDifference.what], [null, release, 'model'])
    assert.equal((await incidentsOf(site, { asset: 'pump-2' })).length, 2, 'its own, and the one its windows show too')
  })

  it('is one a release where another runtime leaves the tolerance of its model', async () => {
    const { site, deps } = await wornSite(2)
    const elsewhere: ReplayDeps = { ...deps, scorer: { ...deps.scorer, runtimeDigest: () => 'another', scoreRow: async (model, row) => 1.5 * (await deps.scorer.scoreRow(model, row)) } }
    for (const asset of ['pump-1', 'pump-2']) await period(elsewhere, site, asset)
    const [incident, ...more] = await incidentsOf(site)
    assert.deepEqual([more.length, incident?.asset, incident?.firstDifference.comparison, incident?.firstDifference.runtime.now], [0, null, 'equivalent', 'another'])
    const assets = (await getIncident(site.ctx, admin, { site: site.site, incident: incident!.id })).firstWindows.map(({ asset }) => asset)
    assert.deepEqual([...new Set(assets)].sort(), ['pump-1', 'pump-2'])
  })

  it('stays open when its windows come out well again, and says so; what only a whole time can vouch for, one score does not', async () => {
    const { site, deps, scoreId } = await wornSite()
    await spoil(site, '+ 1')
    const { incidents: [seen] } = await period(deps, site)
    await spoil(site, '- 1')
    await period(deps, site)
    const [again] = await incidentsOf(site)
    assert.deepEqual([again?.state, again?.goodAgain, again?.timesSeen], ['open', again?.windows, 1])
    await spoil(site, '+ 1')
    await replayScore(deps, admin, { site: site.site, scoreId: again!.firstDifference.scoreId })
    assert.equal((await incidentsOf(site))[0]?.goodAgain, again!.windows - 1, 'it failed once more')
    await spoil(site, '- 1')
    await closeIncident(site.ctx, admin, { site: site.site, incident: seen!.id, comment: 'put back' })

    const [last] = await site.asOwner<{ score_id: string }>('select score_id from score where decision is not null order by window_end desc limit 1')
    const [kept] = await site.asOwner<{ fold: string }>('select fold_before::text as fold from score where score_id = $1', [last!.score_id])
    await tamper(site, 'score', `update score set fold_before = '{}' where score_id = ${last!.score_id}`)
    assert.equal((await period(deps, site)).firstDifference?.what, 'state of the rules before the window')
    assert.notEqual(last!.score_id, scoreId)
    await tamper(site, 'score', `update score set fold_before = '${kept!.fold}' where score_id = ${last!.score_id}`)
    assert.equal((await replayScore(deps, admin, { site: site.site, scoreId: last!.score_id })).class, 'exact')
    assert.deepEqual((await incidentsOf(site, { state: 'open' })).map(({ windows, goodAgain }) => [windows, goodAgain]), [[1, 0]])
    await period(deps, site)
    assert.deepEqual((await incidentsOf(site, { state: 'open' })).map(({ windows, goodAgain }) => [windows, goodAgain]), [[1, 1]])
  })

  it('once closed stays so: a replay that fails again opens another', async () => {
    const { site, deps, scoreId } = await wornSite()
    await spoil(site, '+ 1')
    const first = (await replayScore(deps, admin, { site: site.site, scoreId })).incidents[0]!
    const at = { site: site.site, incident: first.id }
    assert.deepEqual(await acknowledgeIncident(site.ctx, person('rita'), { ...at, comment: 'looking' }), { incident: first.id, state: 'acknowledged', repeated: false })
    assert.equal((await acknowledgeIncident(site.ctx, person('mia'), { ...at, comment: '' })).repeated, true)
    assert.deepEqual((await replayScore(deps, admin, { site: site.site, scoreId })).incidents, [{ id: first.id, opened: false }], 'in hand is not closed')
    assert.deepEqual(await closeIncident(site.ctx, person('rita'), { ...at, comment: 'a test changed a chunk' }), { incident: first.id, state: 'closed', repeated: false })
    assert.deepEqual(await closeIncident(site.ctx, person('rita'), { ...at, comment: 'a test changed a chunk' }), { incident: first.id, state: 'closed', repeated: true })
    await assert.rejects(closeIncident(site.ctx, person('mia'), { ...at, comment: 'a broken disk' }), { code: 'conflict', message: /closed by rita at .*: a test changed a chunk/ })
    await assert.rejects(acknowledgeIncident(site.ctx, person('mia'), { ...at, comment: '' }), { code: 'conflict' })
    const [closed] = await incidentsOf(site)
    assert.deepEqual([closed?.state, closed?.acknowledged?.by, closed?.closed?.by, closed?.closed?.comment], ['closed', 'rita', 'rita', 'a test changed a chunk'])
    const second = (await replayScore(deps, admin, { site: site.site, scoreId })).incidents[0]!
    assert.deepEqual([second.opened, second.id === first.id], [true, false])
    assert.deepEqual((await incidentsOf(site, { state: 'unclosed' })).map(({ id }) => id), [second.id])
    assert.deepEqual(await inLedger(site), ['incident.opened', 'incident.acknowledged', 'incident.closed', 'incident.opened'])
    assert.deepEqual((await told(site)).filter((kind) => kind !== 'replay.failed'), ['incident.opened', 'incident.acknowledged', 'incident.closed', 'incident.opened'])
  })

  it('is opened once by many replays at once, and closed by one of many', async () => {
    const { site, deps } = await wornSite()
    await spoil(site, '+ 1')
    const answers = await Promise.all(Array.from({ length: 6 }, () => period(deps, site)))
    assert.equal(answers.flatMap(({ incidents }) => incidents).filter(({ opened }) => opened).length, 1)
    const [incident, ...more] = await incidentsOf(site)
    assert.deepEqual([more, incident?.timesSeen], [[], 6])
    const outcomes = await Promise.allSettled(['ann', 'bea', 'cid', 'dan'].map((id) => closeIncident(site.ctx, person(id), { site: site.site, incident: incident!.id, comment: `${id} found it` })))
    const closers = outcomes.filter(({ status }) => status === 'fulfilled')
    const [after] = await incidentsOf(site)
    assert.deepEqual([closers.length, after?.closed?.comment], [1, `${after?.closed?.by} found it`])
    for (const outcome of outcomes) if (outcome.status === 'rejected') assert.match(String(outcome.reason), new RegExp(`closed by ${after?.closed?.by} at`))
    assert.deepEqual(await inLedger(site), ['incident.opened', 'incident.closed'])
  })

  it('races a replay that fails against its closing: it counts towards the old one or opens a new one', async () => {
    const { site, deps, scoreId } = await wornSite()
    await spoil(site, '+ 1')
    for (let i = 0; i < 10; i++) {
      const [before] = (await replayScore(deps, admin, { site: site.site, scoreId })).incidents
      const [{ incidents: [seen] }] = await Promise.all([
        replayScore(deps, admin, { site: site.site, scoreId }), closeIncident(site.ctx, person('rita'), { site: site.site, incident: before!.id, comment: `round ${i}` })])
      assert.equal(seen!.opened, seen!.id !== before!.id)
      const unclosed = await incidentsOf(site, { state: 'unclosed' })
      assert.deepEqual(unclosed.map(({ id }) => id), seen!.opened ? [seen!.id] : [])
      for (const { id } of unclosed) await closeIncident(site.ctx, person('rita'), { site: site.site, incident: id, comment: 'and on' })
    }
  })

  it('is noted once an occasion of a gate’s evidence, however often that is computed', async () => {
    const { site, deps, scoreId } = await wornSite()
    await spoil(site, '+ 1')
    for (let i = 0; i < 3; i++) assert.equal((await checkReplay(deps, admin, { site: site.site, scoreId }, 'gate/1')).class, 'failed')
    assert.deepEqual((await incidentsOf(site)).map(({ timesSeen, windows }) => [timesSeen, windows]), [[1, 1]])
  })

  it('leaves nothing where its transaction does not end', async () => {
    const { site, deps, scoreId } = await wornSite()
    await spoil(site, '+ 1')
    await site.asOwner("create function fail() returns trigger language plpgsql as $$ begin raise exception 'lost'; end $$; create trigger lost before insert on outbox for each row when (new.kind = 'incident.opened') execute function fail()")
    await assert.rejects(replayScore(deps, admin, { site: site.site, scoreId }), /lost/)
    assert.deepEqual([await incidentsOf(site), await told(site), await inLedger(site)], [[], [], []])
    await site.asOwner('drop trigger lost on outbox')
    assert.equal((await replayScore(deps, admin, { site: site.site, scoreId })).incidents[0]?.opened, true)
  })

  it('is answered by engineers alone, and is nothing of another site’s', async () => {
    const { site, deps, scoreId } = await wornSite()
    await spoil(site, '+ 1')
    const [seen] = (await replayScore(deps, admin, { site: site.site, scoreId })).incidents
    for (const role of ['viewer', 'operator', 'integrator'] as const) {
      await assert.rejects(closeIncident(site.ctx, { id: role, roles: [role], sites: '*' }, { site: site.site, incident: seen!.id, comment: 'x' }), { code: 'forbidden' })
    }
    for (const verb of [acknowledgeIncident, closeIncident]) {
      await assert.rejects(verb(site.ctx, admin, { site: 'elsewhere', incident: seen!.id, comment: 'x' }), { code: 'not_found' })
    }
    await assert.rejects(getIncident(site.ctx, admin, { site: 'elsewhere', incident: seen!.id }), { code: 'not_found' })
    assert.equal((await incidentsOf(site))[0]?.state, 'open')
  })
})
