import assert from 'node:assert/strict'
import { test } from 'node:test'
import { canonicalJson } from '../../../../../registry/domain/canonical.ts'
import { backTest, type ScoredRow } from '../../../../../registry/domain/evaluation/back-test.ts'
import { policySchema } from '../../../../../registry/domain/policy/policy.ts'
import { fitCalibration } from '../../../../../registry/domain/scoring/calibration.ts'

const HOUR = 3_600_000_000
const calibration = fitCalibration(Float64Array.from({ length: 200 }, (_, i) => (i % 50) / 50))
const policy = policySchema.parse({
  name: 'p', version: 1,
  rules: [{ id: 'hot', signal: 'feature:temp', comparison: 'above', raiseAt: 80, clearAt: 70, severity: 'high', recommendedAction: 'Look.' }],
  routing: { channels: { low: [], medium: [], high: [], urgent: [] }, acknowledgeWithinSeconds: 60 },
})
const rows = (asset: string, temps: number[]): ScoredRow[] => temps.map((temp, i) => ({ asset, endUs: (i + 1) * HOUR, values: [temp], score: 0.5 }))
const run = (all: ScoredRow[], failures: { asset: string; atUs: number }[] = []) => backTest({ rows: all, featureNames: ['temp'], calibration, policy, failures })

test('counts episodes as the live lane would have raised them', () => {
  const result = run([...rows('a', [20, 90, 85, 60, 20, 90]), ...rows('b', [20, 20])])
  assert.equal(result.windows, 8)
  assert.equal(result.episodes, 2)
  assert.deepEqual(result.episodesByAsset, { a: 2 })
  assert.deepEqual(result.episodesByRule, { hot: 2 })
  assert.equal(result.firstEpisodes[0]?.raised, '1970-01-01T02:00:00.000Z')
  assert.equal(result.failures, null, 'nothing is said about failures where none is recorded')
})

test('judges episodes against recorded failures', () => {
  const temps = Array.from({ length: 60 }, (_, i) => (i >= 10 ? 95 : 20))
  const result = run([...rows('a', temps), ...rows('b', Array.from({ length: 60 }, () => 20))], [{ asset: 'a', atUs: 50 * HOUR }, { asset: 'b', atUs: 40 * HOUR }])
  assert.deepEqual(result.failures, { recorded: 2, caught: 1, late: 0, missed: 1, falseEpisodes: 0, medianLeadHours: 39 })
})

test('windows without a score are counted and stay out of the figures; the result is plain JSON', () => {
  const [first, ...rest] = rows('a', [20, 20, 20])
  const result = run([{ ...first!, score: NaN }, ...rest])
  assert.equal(result.unscored, 1)
  assert.notEqual(result.confidence, null)
  canonicalJson(result)
  assert.equal(run([]).confidence, null)
  canonicalJson(run([]))
})
