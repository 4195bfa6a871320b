import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { featureSetSchema } from '../../../registry/domain/features/feature-set.ts'
import { registerFeatureSet } from '../../../registry/services/register-feature-set.ts'
import { admin, createJudgingSite, S, series, T0, testFeatureSet, type BatchDraft, type JudgingSite } from '../../helpers/judging.ts'

const open: JudgingSite[] = []
after(async () => { for (const site of open) await site.drop() })
async function siteFor(options: Parameters<typeof createJudgingSite>[0] = {}): Promise<JudgingSite> {
  const site = await createJudgingSite(options)
  open.push(site)
  return site
}

const wave = (second: number) => Math.sin(second)
const warm = (second: number) => 40 + Math.cos(second / 7)
/** One batch of pump n: [fromS, toS) of both tags, complete through toS. */
const batch = (fromS: number, toS: number, extra: Partial<BatchDraft> = {}, pump = 'pump-1', vibration = wave): BatchDraft => ({
  series: [series(`${pump}/vibration`, fromS, toS, vibration), series(`${pump}/temperature`, fromS, toS, warm)],
  completeThroughUs: T0 + toS * S, ...extra,
})

interface WindowFact { asset_ref: number; end_s: number; revision: number; lane: string; commit_number: string; feature_values: number[] }
const windowsOf = (site: JudgingSite): Promise<WindowFact[]> => site.asOwner<WindowFact>(
  `select asset_ref, (extract(epoch from window_end) - $1)::float8 as end_s, revision, lane, commit_number, feature_values
   from feature_window order by asset_ref, window_end, revision`, [T0 / S])

describe('closing windows', () => {
  it('closes windows in order up to the watermark, each as of the commit that made it due', async () => {
    const site = await siteFor()
    const first = await site.commit(batch(0, 12))
    const second = await site.commit(batch(12, 23))
    assert.deepEqual(await site.close(first, second), { windows: 3, scores: 0, late: 0 })
    const windows = await windowsOf(site)
    assert.deepEqual(windows.map((w) => [w.end_s, w.revision, Number(w.commit_number)]), [[10, 0, 1], [15, 0, 2], [20, 0, 2]])
    const values = Array.from({ length: 10 }, (_, i) => wave(i))
    assert.equal(windows[0]!.feature_values[4], Math.max(...values), 'max of the vibration')
    assert.deepEqual(await site.close(first, second), { windows: 0, scores: 0, late: 0 }, 'closing again changes nothing')
    const marked = await site.asOwner('select 1 from raw_batch where windows_closed_at is not null')
    assert.equal(marked.length, 2)
  })

  it('gives the same windows, scores and decisions however batches are grouped and whatever is cached', async () => {
    const outcomes: unknown[] = []
    const wear = (second: number) => (second >= 40 && second < 70 ? 9 : wave(second))
    for (const grouping of [[1, 1, 1, 1, 1, 1, 1, 1], [8], [3, 5], [2, 1, 5]]) {
      const site = await siteFor({ assets: 2 })
      await site.assign(await site.release())
      const ids: string[] = []
      for (let i = 0; i < 8; i++) {
        const draft = batch(i * 13, (i + 1) * 13, {}, 'pump-1', wear)
        ids.push(await site.commit({ ...draft, series: [...draft.series, ...batch(i * 13, (i + 1) * 13, {}, 'pump-2').series] }))
        // Stored one by one, but closed in groups; every other grouping by a worker that has nothing cached.
      }
      let at = 0
      for (const size of grouping) {
        const worker = grouping.length % 2 === 0 ? site.newWorker() : site.windows
        await worker.closeWindows({ site: site.site, batchIds: ids.slice(at, at + size) })
        at += size
      }
      outcomes.push({
        windows: await windowsOf(site),
        scores: await site.asOwner('select asset_ref, window_end, score, confidence, contributions, fold_before, decision from score order by asset_ref, window_end'),
        alerts: await site.asOwner('select asset_ref, rule_id, state, raised_at, cleared_at from alert'),
      })
    }
    for (const outcome of outcomes.slice(1)) assert.deepEqual(outcome, outcomes[0])
    const [{ windows, scores, alerts }] = outcomes as [{ windows: unknown[]; scores: unknown[]; alerts: { state: string; cleared_at: Date | null }[] }]
    assert.equal(windows.length, 2 * 19)
    assert.equal(scores.length, 2 * 19)
    assert.equal(alerts.length, 1, 'one episode, of the pump that wore')
    assert.notEqual(alerts[0]?.cleared_at, null)
  })

  it('scores a machine that is out of service by plan, and alerts nobody for it', async () => {
    const wear = (second: number) => (second >= 40 && second < 70 ? 9 : wave(second))
    const alertsWith = async (stop: [number, number] | null) => {
      const site = await siteFor()
      await site.assign(await site.release())
      if (stop !== null) {
        await site.asOwner(`insert into maintenance_event (site_id, asset_ref, kind, during, recorded_by)
          select site_id, asset_ref, 'stop', tstzrange(to_timestamp($1), to_timestamp($2), '[]'), 'omar' from asset where asset_id = 'pump-1'`,
        [T0 / S + stop[0], T0 / S + stop[1]])
      }
      await site.close(await site.commit(batch(0, 104, {}, 'pump-1', wear)))
      return {
        alerts: (await site.asOwner('select 1 from alert')).length,
        suppressed: (await site.asOwner('select 1 from score where suppressed')).length,
        scores: (await site.asOwner('select 1 from score')).length,
      }
    }
    const plain = await alertsWith(null)
    assert.deepEqual({ alerts: plain.alerts, suppressed: plain.suppressed }, { alerts: 1, suppressed: 0 })
    const serviced = await alertsWith([38, 72])
    assert.equal(serviced.alerts, 0)
    assert.equal(serviced.scores, plain.scores, 'every window is scored all the same')
    assert.ok(serviced.suppressed > 0)
    assert.equal((await alertsWith([90, 95])).alerts, 1, 'a stop at another time suppresses nothing here')
  })

  it('measures history that came before its feature set, as if the set had been there from the start', async () => {
    const later = { ...testFeatureSet, version: 2 }
    const commits = async (site: JudgingSite) => [await site.commit(batch(0, 12)), await site.commit(batch(12, 23)), await site.commit(batch(23, 41))]
    const measured = (site: JudgingSite) => site.asOwner(
      `select window_end, commit_number, feature_values from feature_window join feature_set using (feature_set_ref)
       where version = 2 order by window_end`)

    const site = await siteFor()
    const ids = await commits(site)
    await site.close(...ids)
    assert.equal((await measured(site)).length, 0)
    await registerFeatureSet(site.ctx, admin, { site: site.site, family: site.family, definition: featureSetSchema.parse(later) })
    assert.equal((await site.asOwner('select 1 from raw_batch where windows_closed_at is null')).length, 3, 'the dispatcher will find them')
    const before = await windowsOf(site)
    await site.close(...ids)
    const made = await measured(site)
    assert.equal((await windowsOf(site)).length, before.length + made.length, 'nothing was measured twice')

    const fromTheStart = await siteFor({ featureSet: later })
    await fromTheStart.close(...await commits(fromTheStart))
    assert.ok(made.length > 0)
    assert.deepEqual(made, await measured(fromTheStart))
  })

  it('waits for the slowest source, but not for an idle one', async () => {
    const site = await siteFor()
    const t = Date.now() * 1000 - 3600 * S
    const vibration = (from: number, to: number, receivedUs: number): BatchDraft =>
      ({ gateway: 'gw-1', series: [series('pump-1/vibration', from, to, wave)], completeThroughUs: T0 + to * S, receivedUs })
    const temperature = (from: number, to: number, receivedUs: number): BatchDraft =>
      ({ gateway: 'gw-2', series: [series('pump-1/temperature', from, to, warm)], completeThroughUs: T0 + to * S, receivedUs })
    const a = await site.commit(vibration(0, 30, t))
    const b = await site.commit(temperature(0, 11, t + S))
    await site.close(a, b)
    // The first source was alone until the second one came: its windows were due at once, with half of the roles.
    const before = (await windowsOf(site)).length
    await site.close(await site.commit(vibration(30, 50, t + 10 * S)))
    assert.equal((await windowsOf(site)).length, before, 'held back by the second source')
    await site.close(await site.commit(vibration(50, 60, t + 200 * S)))
    const ends = (await windowsOf(site)).map((w) => w.end_s)
    assert.equal(ends.at(-1), 60, 'the second source has been silent for longer than the timeout')
  })

  it('starts a lane once, whoever comes first, and does not walk over a gap', async () => {
    const site = await siteFor()
    await site.close(await site.commit(batch(0, 20)))
    const year = 365 * 86_400
    assert.deepEqual(await site.close(await site.commit(batch(year, year + 20))), { windows: 5, scores: 0, late: 0 }, 'the one that the first batch began, and four')
    const [lane] = await site.asOwner<{ closed: number }>('select (extract(epoch from closed_through) - $1)::float8 as closed from asset_lane', [T0 / S])
    assert.equal(lane?.closed, year + 20)
  })

  it('keeps features while no release is in force, and pins the release that is', async () => {
    const site = await siteFor()
    await site.close(await site.commit(batch(0, 20)))
    const [first, second] = [await site.release(), await site.release({ routing: { channels: { low: [], medium: [], high: [], urgent: [] }, acknowledgeWithinSeconds: 60 } })]
    await site.assign(first)
    await site.close(await site.commit(batch(20, 40)))
    await site.assign(second)
    await site.assign(first, 'shadow')
    await site.close(await site.commit(batch(40, 50)))
    const scores = await site.asOwner<{ end_s: number; release_id: string; role: string; decided: boolean }>(
      `select (extract(epoch from window_end) - $1)::float8 as end_s, release_id, role, decision is not null as decided
       from score join release using (release_ref) order by window_end, role`, [T0 / S])
    assert.deepEqual(scores.map((s) => [s.end_s, s.release_id, s.role, s.decided]), [
      [25, first, 'champion', true], [30, first, 'champion', true], [35, first, 'champion', true], [40, first, 'champion', true],
      [45, second, 'champion', true], [45, first, 'shadow', false], [50, second, 'champion', true], [50, first, 'shadow', false],
    ])
    assert.equal((await windowsOf(site)).length, 9)
  })

  it('lets the narrower scope win', async () => {
    const site = await siteFor({ assets: 2 })
    const [wide, narrow] = [await site.release(), await site.release({ name: 'narrow' })]
    await site.assign(wide)
    await site.assign(narrow, 'champion', { kind: 'asset', id: 'pump-2' })
    const draft = batch(0, 10)
    await site.close(await site.commit({ ...draft, series: [...draft.series, ...batch(0, 10, {}, 'pump-2').series] }))
    const scores = await site.asOwner<{ asset_id: string; release_id: string }>(
      'select asset_id, release_id from score join release using (release_ref) join asset using (asset_ref) order by asset_id')
    assert.deepEqual(scores.map((s) => [s.asset_id, s.release_id]), [['pump-1', wide], ['pump-2', narrow]])
  })
})

describe('waveforms', () => {
  it('are measured in the canonical unit, each in the windows it reaches, also when they come in batches of their own', async () => {
    const site = await siteFor({
      extraRoles: ['wave-de'], featureSet: {
        name: 'waves', version: 1, windowUs: 10 * S, hopUs: 10 * S,
        features: [{ name: 'rms', role: 'wave-de', kind: 'wave_rms' }, { name: 'level', role: 'vibration', kind: 'mean' }],
      },
    })
    const recording = (second: number, level: number) => ({
      tag: 'pump-1/wave-de', startUs: T0 + second * S, intervalUs: 1000, scale: 2, offset: 0, quality: 0, samples: new Float32Array(1000).fill(level),
    })
    const ids = [
      await site.commit(batch(0, 20)),
      await site.commit({ series: [], waveforms: [recording(3, 1), recording(13, 3)], completeThroughUs: T0 + 20 * S }),
    ]
    await site.close(...ids)
    await site.asOwner("update late_window set noted_at = noted_at - interval '1 hour'")
    while ((await site.windows.reviseWindows({ site: site.site })).taken > 0);
    await site.close(await site.commit({ series: [series('pump-1/vibration', 20, 30, wave)], waveforms: [recording(23, 5)], completeThroughUs: T0 + 30 * S }))
    const windows = await windowsOf(site)
    // The first batch said it was complete before the recordings had come, so the first windows got them in a revision.
    assert.deepEqual(windows.map((w) => [w.end_s, w.revision, w.feature_values[0]]),
      [[10, 0, NaN], [10, 1, 2], [20, 0, NaN], [20, 1, 6], [30, 0, 10]])
  })
})

describe('a change of what judges', () => {
  it('goes on from now when it is rolled back to another feature set, with one stream of decisions', async () => {
    const site = await siteFor()
    const wear = () => 9
    const older = await site.release()
    await site.assign(older)
    await site.close(await site.commit(batch(0, 20, {}, 'pump-1', wear)))
    const newer = await site.release({ name: 'newer' }, { ...testFeatureSet, version: 2, hopUs: 10 * S })
    await site.assign(newer)
    await site.close(await site.commit(batch(20, 60, {}, 'pump-1', wear)))
    await site.assign(older)
    await site.close(await site.commit(batch(60, 80)))
    const decided = await site.asOwner<{ release_id: string; end_s: number; fired: string | null }>(
      `select release_id, (extract(epoch from window_end) - $1)::float8 as end_s, decision->>'fired' as fired
       from score join release using (release_ref) where decision is not null order by window_end`, [T0 / S])
    assert.deepEqual(decided.map((d) => [d.end_s, d.release_id, d.fired]), [
      [10, older, null], [15, older, 'wear'], [20, older, 'wear'],
      // The newer set's lane starts with the batch in hand, at its first whole window.
      [30, newer, 'wear'], [40, newer, 'wear'], [50, newer, 'wear'], [60, newer, 'wear'],
      [65, older, 'wear'], [70, older, 'wear'], [75, older, null], [80, older, null],
    ])
    assert.equal((await site.asOwner('select 1 from alert')).length, 1, 'one episode through all changes')
  })
})
