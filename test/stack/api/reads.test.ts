import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { isoToMicros, microsToIso } from '../../../registry/domain/contract/time.ts'
import { getTwin, listTwins, twinTrend } from '../../../registry/services/read/twins.ts'
import { listFeatures } from '../../../registry/services/read/features.ts'
import { listReadings, sampleReadings } from '../../../registry/services/read/readings.ts'
import { getScore, listScores } from '../../../registry/services/read/scores.ts'
import { getWaveform, listWaveforms } from '../../../registry/services/read/waveforms.ts'
import { admin, createJudgingSite, S, T0, type JudgingSite } from '../../helpers/judging.ts'

const COUNT = 400
const times = Array.from({ length: COUNT }, (_, i) => T0 + i * S)
/** Quiet, then worn: the rule raises. */
const vibration = times.map((_, i) => (i < 250 ? 2 : 7) + Math.sin(i))

describe('reads of one machine', () => {
  let plant: JudgingSite
  before(async () => {
    plant = await createJudgingSite({ extraRoles: ['wave_de'] })
    const series = (tag: string, from: number, to: number, values: number[]) => ({ tag, timesUs: times.slice(from, to), values: values.slice(from, to) })
    const temperature = times.map((_, i) => 60 + Math.cos(i))
    // Its windows come before the release, so they are features without scores.
    const early = await plant.commit({
      series: [series('pump-1/vibration', 0, 100, vibration), series('pump-1/temperature', 0, 100, temperature)], completeThroughUs: T0 + 100 * S,
      waveforms: [{ tag: 'pump-1/wave_de', startUs: T0 + 5 * S, intervalUs: 39.0625, scale: 0.5, offset: 1, quality: 0, samples: Float32Array.from([1, 2, 3, 4]) }],
    })
    await plant.close(early)
    await plant.assign(await plant.release())
    const rest = await plant.commit({
      series: [series('pump-1/vibration', 100, COUNT, vibration), series('pump-1/temperature', 100, COUNT, temperature)], completeThroughUs: T0 + COUNT * S,
    })
    await plant.close(rest)
    assert.deepEqual(plant.errors, [])
  })
  after(async () => { await plant?.drop() })

  const at = () => ({ site: plant.site, tag: 'pump-1/vibration', fromUs: T0, toUs: T0 + COUNT * S })

  it('gives every reading once, page by page, as it was stored', async () => {
    const [gotTimes, gotValues]: [string[], (number | null)[]] = [[], []]
    let cursor: string | undefined
    do {
      const page = await listReadings(plant.ctx, admin, { ...at(), limit: 37, cursor })
      gotTimes.push(...page.times)
      gotValues.push(...page.values)
      cursor = page.nextCursor ?? undefined
    } while (cursor !== undefined)
    assert.deepEqual(gotTimes, times.map(microsToIso))
    assert.deepEqual(gotValues, vibration)
  })

  it('keeps the extremes at any zoom', async () => {
    for (const points of [1, 7, 40, 1000]) {
      const sampled = await sampleReadings(plant.ctx, admin, { ...at(), points })
      assert.ok(sampled.times.length <= points)
      assert.equal(Math.min(...sampled.low ?? []), Math.min(...vibration))
      assert.equal(Math.max(...sampled.high ?? []), Math.max(...vibration))
      assert.equal((sampled.counts ?? []).reduce((a, b) => a + b, 0), COUNT)
      const mean = sampled.values.reduce<number>((sum, value, i) => sum + (value ?? 0) * (sampled.counts?.[i] ?? 0), 0) / COUNT
      assert.ok(Math.abs(mean - vibration.reduce((a, b) => a + b, 0) / COUNT) < 1e-9)
    }
  })

  it('knows only what was known as of a commit number', async () => {
    const before = await listReadings(plant.ctx, admin, { ...at(), asOf: 1, limit: 10_000 })
    assert.equal(before.times.length, 100)
    assert.equal(before.asOf, 1)
    assert.equal((await listReadings(plant.ctx, admin, { ...at(), asOf: 0, limit: 10 })).times.length, 0)
  })

  it('gives waveforms in the canonical unit', async () => {
    const tag = 'pump-1/wave_de'
    const { items } = await listWaveforms(plant.ctx, admin, { site: plant.site, tag, limit: 10 })
    assert.deepEqual(items.map(({ start, sampleCount, intervalUs }) => [start, sampleCount, intervalUs]), [[microsToIso(T0 + 5 * S), 4, 39.0625]])
    const wave = await getWaveform(plant.ctx, admin, { site: plant.site, tag, startUs: T0 + 5 * S })
    assert.deepEqual(wave.samples, [1.5, 2, 2.5, 3])
  })

  it('names features and scores of windows, in order, and pages through them', async () => {
    const features = await listFeatures(plant.ctx, admin, { site: plant.site, asset: 'pump-1', limit: 500 })
    assert.equal(features.featureSet, 'pump-condition@1')
    assert.ok(features.items.length > 60)
    assert.ok(features.items.every(({ values }) => Object.keys(values).length === 6))
    const whole = await listScores(plant.ctx, admin, { site: plant.site, asset: 'pump-1', limit: 500, order: 'asc' })
    const ends = whole.items.map(({ windowEnd }) => windowEnd)
    assert.deepEqual(ends, [...ends].sort())
    const paged: string[] = []
    let cursor: string | undefined
    do {
      const page = await listScores(plant.ctx, admin, { site: plant.site, asset: 'pump-1', limit: 9, order: 'desc', cursor })
      paged.push(...page.items.map(({ id }) => id))
      cursor = page.nextCursor ?? undefined
    } while (cursor !== undefined)
    assert.deepEqual(paged, whole.items.map(({ id }) => id).reverse())
  })

  it('shows a twin with its newest readings, its health, and what its decision says to do', async () => {
    const [summary] = (await listTwins(plant.ctx, admin, { site: '*', limit: 10 })).items
    const twin = await getTwin(plant.ctx, admin, { site: plant.site, asset: 'pump-1' })
    assert.equal(summary?.health, twin.health)
    assert.ok(twin.health !== null && twin.health < 50, `health ${twin.health}`)
    assert.deepEqual([twin.severity, twin.openAlerts], ['high', 1])
    assert.equal(twin.questions.whatToDo, 'Inspect the drive-end bearing.')
    assert.match(twin.questions.failureMode, /^VIB/)
    assert.match(twin.questions.drifting, /Too early/)
    const tag = twin.tags.find(({ role }) => role === 'vibration')
    assert.deepEqual([tag?.value, tag?.quality, tag?.at], [vibration.at(-1), 'good', microsToIso(times.at(-1) ?? 0)])
    const newest = await getScore(plant.ctx, admin, { site: plant.site, score: twin.scoreId ?? '' })
    assert.equal(newest.windowEnd, twin.scoredAt)
    assert.equal(newest.decision?.fired, 'wear')
    assert.equal(newest.decision?.rules[0]?.state, 'active')
  })

  it('sums the trend of a twin up without losing a window', async () => {
    const { items } = await twinTrend(plant.ctx, admin, { site: plant.site, asset: 'pump-1', points: 10 })
    const scores = await listScores(plant.ctx, admin, { site: plant.site, asset: 'pump-1', limit: 500, order: 'asc' })
    assert.ok(items.length <= 10)
    assert.equal(items.reduce((sum, { windows }) => sum + windows, 0), new Set(scores.items.map(({ windowEnd }) => windowEnd)).size)
    assert.equal(Math.max(...items.map(({ score }) => score.max ?? -Infinity)), Math.max(...scores.items.map(({ score }) => score ?? -Infinity)))
    assert.ok(items.every(({ from }, i) => i === 0 || isoToMicros(from) > isoToMicros(items[i - 1]?.from ?? from)))
  })
})
