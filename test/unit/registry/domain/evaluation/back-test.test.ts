import assert from 'node:assert/strict'
import { test } from 'node:test'
import { canonicalJson } from '../../../../../registry/domain/canonical.ts'
import { runBackTest, summarise } from '../../../../../registry/domain/evaluation/back-test.ts'
import type { AssetSeries } from '../../../../../registry/domain/evaluation/fold-columns.ts'
import { policySchema } from '../../../../../registry/domain/policy/policy.ts'

const HOUR = 3_600_000_000
const policy = policySchema.parse({
  name: 'p', version: 1,
  rules: [{ id: 'hot', signal: 'feature:temp', comparison: 'above', raiseAt: 80, clearAt: 70, severity: 'high', recommendedAction: 'Look.' }],
  routing: { channels: { low: [], medium: [], high: [], urgent: [] }, acknowledgeWithinSeconds: 60 },
})
const seriesOf = (asset: string, temps: number[], confidences: number[] = temps.map(() => 0.5), suppressed: number[] = temps.map(() => 0)): AssetSeries => ({
  asset,
  columns: {
    endUs: Float64Array.from(temps, (_, i) => (i + 1) * HOUR), suppressed: Uint8Array.from(suppressed),
    signals: new Map([['feature:temp', Float64Array.from(temps)], ['confidence', Float64Array.from(confidences)]]),
  },
})
const run = (series: AssetSeries[], failures: { asset: string; atUs: number }[] = []) => summarise(runBackTest({ series, policy, failures }), series)

test('counts episodes as the live lane would have raised them', () => {
  const result = run([seriesOf('a', [20, 90, 85, 60, 20, 90]), seriesOf('b', [20, 20])])
  assert.equal(result.windows, 8)
  assert.equal(result.episodes, 2)
  assert.deepEqual(result.episodesByAsset, { a: 2 })
  assert.deepEqual(result.episodesByRule, { hot: 2 })
  assert.equal(result.firstEpisodes[0]?.raised, '1970-01-01T02:00:00.000Z')
  assert.equal(result.failures, null, 'nothing is said about failures where none is recorded')
})

test('judges episodes against recorded failures', () => {
  const temps = Array.from({ length: 60 }, (_, i) => (i >= 10 ? 95 : 20))
  const result = run([seriesOf('a', temps), seriesOf('b', temps.map(() => 20))], [{ asset: 'a', atUs: 50 * HOUR }, { asset: 'b', atUs: 40 * HOUR }])
  assert.deepEqual(result.failures, { recorded: 2, caught: 1, late: 0, missed: 1, falseEpisodes: 0, medianLeadHours: 39 })
})

test('windows without a score are counted and stay out of the figures; the result is plain JSON', () => {
  const result = run([seriesOf('a', [20, 20, 20, 20], [NaN, 0.2, 0.99, 0.995], [0, 1, 0, 0])])
  assert.deepEqual([result.windows, result.unscored, result.suppressed], [4, 1, 1])
  assert.deepEqual([result.confidence?.median, result.confidence?.above99], [0.99, 2 / 3])
  canonicalJson(result)
  assert.equal(run([]).confidence, null)
  canonicalJson(run([]))
})
