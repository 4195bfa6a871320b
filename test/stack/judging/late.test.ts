import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { createJudgingSite, S, series, T0, type BatchDraft, type JudgingSite } from '../../helpers/judging.ts'

const open: JudgingSite[] = []
after(async () => { for (const site of open) await site.drop() })
async function siteFor(options: Parameters<typeof createJudgingSite>[0] = {}): Promise<JudgingSite> {
  const site = await createJudgingSite(options)
  open.push(site)
  await site.asOwner("update site set settings = '{\"windows\": {\"revisionQuietUs\": 0}}' where site_id = $1", [site.site])
  return site
}

const calm = (second: number) => Math.sin(second)
const worn = () => 9
const batch = (fromS: number, toS: number, extra: Partial<BatchDraft> = {}, vibration = calm): BatchDraft => ({
  series: [series('pump-1/vibration', fromS, toS, vibration), series('pump-1/temperature', fromS, toS, () => 40 + fromS)],
  completeThroughUs: T0 + toS * S, ...extra,
})
const revisionsOf = (site: JudgingSite): Promise<{ end_s: number; revision: number; lane: string; commit: number; max: number }[]> => site.asOwner(
  `select (extract(epoch from window_end) - $1)::float8 as end_s, revision, lane, commit_number::int as commit, feature_values[5] as max
   from feature_window order by window_end, revision`, [T0 / S])
const alertsOf = (site: JudgingSite) => site.asOwner<{ state: string }>('select state from alert')

describe('late readings', () => {
  it('make revisions of just the windows they touch, by the pinned release, and page nobody', async () => {
    const site = await siteFor()
    const release = await site.release()
    await site.assign(release)
    await site.close(await site.commit(batch(0, 40)))
    await site.assign(await site.release({ name: 'next' }))
    // Second 12 was missing until now, and is far above the level that raises.
    const late = await site.commit({ series: [{ tag: 'pump-1/vibration', timesUs: [T0 + 12.5 * S], values: [500] }], completeThroughUs: T0 + 40 * S })
    assert.deepEqual(await site.close(late), { windows: 0, scores: 0, late: 2 })
    assert.deepEqual(await site.windows.reviseWindows({ site: site.site }), { taken: 2, revised: 2 })
    assert.deepEqual(await site.windows.reviseWindows({ site: site.site }), { taken: 0, revised: 0 })
    const revised = (await revisionsOf(site)).filter((w) => w.revision > 0)
    assert.deepEqual(revised.map((w) => [w.end_s, w.commit, w.max]), [[15, 2, 500], [20, 2, 500]])
    const scores = await site.asOwner<{ release_id: string; decision: unknown }>(
      'select release_id, decision from score join release using (release_ref) where revision > 0')
    assert.deepEqual(scores, [{ release_id: release, decision: null }, { release_id: release, decision: null }])
    assert.deepEqual(await alertsOf(site), [])
  })

  it('make no revision where nothing changed, and none before the quiet period is over', async () => {
    const site = await siteFor()
    await site.asOwner("update site set settings = '{\"windows\": {\"revisionQuietUs\": 3600000000}}' where site_id = $1", [site.site])
    await site.close(await site.commit(batch(0, 40)))
    // What a correction leaves: the same time, another value, revision 1; and one that corrects nothing.
    await site.close(await site.commit({ series: [{ tag: 'pump-1/vibration', timesUs: [T0 + 12 * S], values: [calm(12)], revision: 1 }], completeThroughUs: T0 }))
    assert.deepEqual(await site.windows.reviseWindows({ site: site.site }), { taken: 0, revised: 0 })
    await site.asOwner("update late_window set noted_at = noted_at - interval '2 hours'")
    assert.deepEqual(await site.windows.reviseWindows({ site: site.site }), { taken: 2, revised: 0 })
    await site.close(await site.commit({ series: [{ tag: 'pump-1/vibration', timesUs: [T0 + 12 * S], values: [77], revision: 2 }], completeThroughUs: T0 }))
    await site.asOwner("update late_window set noted_at = noted_at - interval '2 hours'")
    assert.deepEqual(await site.windows.reviseWindows({ site: site.site }), { taken: 2, revised: 2 })
    assert.deepEqual((await revisionsOf(site)).filter((w) => w.revision === 1).map((w) => [w.end_s, w.max]), [[15, 77], [20, 77]])
  })

  it('of a second source that starts behind reach the windows closed without it', async () => {
    const site = await siteFor()
    const vibration: BatchDraft = { series: [series('pump-1/vibration', 0, 40, calm)], completeThroughUs: T0 + 40 * S }
    const temperature: BatchDraft = { gateway: 'gw-2', series: [series('pump-1/temperature', 0, 20, () => 40)], completeThroughUs: T0 + 20 * S }
    await site.close(await site.commit(vibration))
    const before = (await revisionsOf(site)).length
    await site.close(await site.commit(temperature))
    while ((await site.windows.reviseWindows({ site: site.site })).taken > 0);
    const touched = (await revisionsOf(site)).filter((w) => w.revision > 0).map((w) => w.end_s)
    assert.deepEqual(touched, [5, 10, 15, 20, 25])
    assert.equal(before, 7)
  })
})

describe('backfill', () => {
  it('is judged like live data but raises no alert, and leaves the live lane as it is', async () => {
    const site = await siteFor()
    await site.assign(await site.release())
    await site.close(await site.commit(batch(0, 60, { mode: 'backfill', epoch: '00000000000000bb' }, worn)))
    const decided = await site.asOwner<{ raised: boolean }>(`select decision->'rules'->0->>'transition' = 'raised' as raised from score order by window_end`)
    assert.equal(decided.filter((d) => d.raised).length, 1)
    assert.deepEqual(await alertsOf(site), [])
    await site.close(await site.commit(batch(60, 100, {}, worn)))
    assert.equal((await alertsOf(site)).length, 1, 'the live lane pages on its own')
    assert.deepEqual([...new Set((await revisionsOf(site)).map((w) => w.lane))].sort(), ['backfill', 'live'])
  })

  it('of windows that are closed live makes further revisions of them, and knows the live readings', async () => {
    const site = await siteFor()
    await site.assign(await site.release())
    await site.close(await site.commit({ series: [series('pump-1/vibration', 0, 30, calm)], completeThroughUs: T0 + 30 * S }))
    await site.close(await site.commit({ series: [series('pump-1/temperature', 0, 30, () => 40)], completeThroughUs: T0 + 30 * S, mode: 'backfill', epoch: '00000000000000bb' }))
    const facts = await revisionsOf(site)
    assert.deepEqual(facts.map((w) => [w.end_s, w.revision, w.lane]), [10, 15, 20, 25, 30].flatMap((end) => [[end, 0, 'live'], [end, 1, 'backfill']]))
    for (const { end_s, max } of facts.filter((w) => w.lane === 'backfill')) {
      assert.equal(max, facts.find((w) => w.lane === 'live' && w.end_s === end_s)?.max, `vibration of the window ending at ${end_s} s`)
    }
    assert.deepEqual(await alertsOf(site), [])
  })
})

describe('what cannot be judged', () => {
  it('a corrupted champion model is refused by its digest; its windows close once it is put right', async () => {
    const site = await siteFor()
    await site.assign(await site.release())
    const key = [...site.objects.objects.keys()].find((name) => name.startsWith('models/')) as string
    const good = site.objects.objects.get(key) as Uint8Array
    site.objects.objects.set(key, good.map((byte, i) => (i === 100 ? byte ^ 1 : byte)))
    assert.deepEqual(await site.close(await site.commit(batch(0, 20))), { windows: 0, scores: 0, late: 0 })
    assert.match(site.errors.join('\n'), /cannot judge, its windows stay open/)
    await site.close(await site.commit(batch(20, 25)))
    assert.equal((await site.asOwner("select 1 from outbox where kind = 'release.refused'")).length, 1, 'told once a day')
    site.objects.objects.set(key, good)
    assert.deepEqual(await site.close(await site.commit(batch(25, 40))), { windows: 7, scores: 7, late: 0 })
  })

  it('a window with too few good readings is passed over, and the next one is not', async () => {
    const site = await siteFor()
    const draft = batch(0, 40)
    const bad = draft.series.map((s) => ({ ...s, quality: s.timesUs.map((t) => (t >= T0 + 10 * S && t < T0 + 30 * S ? 2 : 0)) }))
    await site.close(await site.commit({ ...draft, series: bad }))
    assert.deepEqual((await revisionsOf(site)).map((w) => w.end_s), [10, 15, 35, 40])
  })
})
