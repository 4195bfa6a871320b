import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { canonicalJson } from '../../../../../registry/domain/canonical.ts'
import { alertCostsSchema } from '../../../../../registry/domain/evaluation/alert-cost.ts'
import { runBackTest } from '../../../../../registry/domain/evaluation/back-test.ts'
import { compareRuns, type ComparisonContext } from '../../../../../registry/domain/evaluation/compare-runs.ts'
import type { AssetSeries, RaisedEpisode } from '../../../../../registry/domain/evaluation/fold-columns.ts'
import { matchEpisodes } from '../../../../../registry/domain/evaluation/match-episodes.ts'
import { policySchema } from '../../../../../registry/domain/policy/policy.ts'

const HOUR = 3_600_000_000
const policyOf = (raiseAt: number, clearAt = 0.5) => policySchema.parse({
  name: 'p', version: 1, rules: [{ id: 'wear', signal: 'confidence', comparison: 'above', raiseAt, clearAt, severity: 'high', recommendedAction: 'Look.' }],
  routing: { channels: {}, acknowledgeWithinSeconds: 60 },
})
const seriesOf = (asset: string, confidences: number[]): AssetSeries => ({
  asset,
  columns: {
    endUs: Float64Array.from(confidences, (_, i) => (i + 1) * HOUR), suppressed: new Uint8Array(confidences.length),
    signals: new Map([['confidence', Float64Array.from(confidences)]]),
  },
})
const context = (span: { fromUs: number; toUs: number }, more: Partial<ComparisonContext> = {}): ComparisonContext => (
  { span, owners: new Map([['a', 'rita'], ['b', null]]), labels: [], costs: alertCostsSchema.parse({}), listed: 100, ...more })

test('tells what is gained, lost and moved, and by how much', () => {
  const series = [seriesOf('a', [0.1, 0.8, 0.9, 0.95, 0.2, 0.1, 0.85, 0.1]), seriesOf('b', [0.1, 0.1, 0.1, 0.97, 0.1, 0.1, 0.1, 0.1])]
  const [former, lower] = [policyOf(0.94), policyOf(0.8)].map((policy) => runBackTest({ series, policy, failures: [] }))
  const compared = compareRuns(former!, lower!, context({ fromUs: HOUR, toUs: 8 * HOUR }))
  assert.deepEqual(compared.alerts, { before: 2, after: 3, kept: 1, moved: 1, gained: 1, lost: 0 })
  assert.deepEqual(compared.gained, [{ asset: 'a', rule: 'wear', raised: '1970-01-01T07:00:00.000Z', cleared: '1970-01-01T08:00:00.000Z' }])
  assert.deepEqual(compared.moved, [{
    asset: 'a', rule: 'wear', raised: '1970-01-01T02:00:00.000Z', cleared: '1970-01-01T05:00:00.000Z', before: '1970-01-01T04:00:00.000Z', shiftSeconds: -7200,
  }])
  const back = compareRuns(lower!, former!, context({ fromUs: HOUR, toUs: 8 * HOUR }))
  assert.deepEqual([back.gained, back.lost.length, back.moved[0]?.shiftSeconds], [[], 1, 7200])
  assert.deepEqual(compared.load, [
    { owner: 'rita', before: { alerts: 1, perDay: 1, busiestDay: 1 }, after: { alerts: 2, perDay: 2, busiestDay: 2 }, days: [{ day: '1970-01-01', before: 1, after: 2 }] },
    { owner: null, before: { alerts: 1, perDay: 1, busiestDay: 1 }, after: { alerts: 1, perDay: 1, busiestDay: 1 }, days: [{ day: '1970-01-01', before: 1, after: 1 }] },
  ])
  assert.deepEqual([compared.failures, compared.cost], [null, null])
  canonicalJson(compared)
})

test('says of each failure what lead it won or lost, and what that is worth where somebody said', () => {
  // Rising for three days before the failure in hour 100; a burst that meant nothing in hour 200.
  const confidences = Array.from({ length: 400 }, (_, i) => (i >= 28 && i <= 100 ? 0.8 + (i - 28) / 400 : i === 200 ? 0.9 : 0.1))
  const series = [seriesOf('a', confidences)]
  const failures = [{ asset: 'a', atUs: 100 * HOUR }]
  const [former, lower] = [policyOf(0.95), policyOf(0.85)].map((policy) => runBackTest({ series, policy, failures }))
  const costs = alertCostsSchema.parse({ currency: 'EUR', falseAlert: 100, leadHour: 10 })
  const labels = [{ asset: 'a', fromUs: 190 * HOUR, toUs: 210 * HOUR, value: 'normal' as const }, { asset: 'a', fromUs: 95 * HOUR, toUs: 101 * HOUR, value: 'faulty' as const }]
  const { failures: change, cost, labels: judged } = compareRuns(former!, lower!, context({ fromUs: HOUR, toUs: 400 * HOUR }, { costs, labels }))
  assert.deepEqual(change?.before, { caught: 0, late: 1, missed: 0, falseEpisodes: 0 })
  assert.deepEqual(change?.after, { caught: 1, late: 0, missed: 0, falseEpisodes: 1 })
  assert.deepEqual(change?.each, [{
    asset: 'a', at: '1970-01-05T04:00:00.000Z', before: { outcome: 'late', leadHours: 11 }, after: { outcome: 'caught', leadHours: 51 }, leadHoursWon: 40,
  }])
  assert.deepEqual([change?.leadHoursWon, change?.leadHoursLost], [40, 0])
  assert.deepEqual(cost, {
    currency: 'EUR', before: { falseAlerts: 0, missedFailures: null, leadTime: 110, total: -110 },
    after: { falseAlerts: 100, missedFailures: null, leadTime: 510, total: -410 }, change: -300,
  })
  assert.deepEqual(judged, { normal: { spans: 1, before: 0, after: 1 }, faulty: { spans: 1, before: 1, after: 1 } })
})

/** Disjoint episodes of two machines and rules, as a fold gives them. */
const runs = fc.array(fc.tuple(fc.nat(1), fc.nat(1), fc.integer({ min: 1, max: 5 }), fc.integer({ min: 0, max: 5 })), { maxLength: 30 }).map((steps) => {
  const clocks = new Map<string, number>()
  return steps.map(([a, r, gap, length]): RaisedEpisode => {
    const stream = `a${a} r${r}`
    const raisedUs = (clocks.get(stream) ?? 0) + gap
    clocks.set(stream, raisedUs + length)
    return { asset: `a${a}`, rule: `r${r}`, raisedUs, clearedUs: raisedUs + length, closedUs: raisedUs + length }
  }).sort((x, y) => x.raisedUs - y.raisedUs)
})

test('every episode of either side has one fate, and swapping the sides swaps gained and lost', () => {
  fc.assert(fc.property(runs, runs, (before, after) => {
    const { kept, moved, gained, lost } = matchEpisodes(before, after)
    const key = (e: RaisedEpisode) => `${e.asset} ${e.rule} ${e.raisedUs}`
    assert.deepEqual([...kept, ...moved].map((pair) => key(pair.before)).concat(lost.map(key)).sort(), before.map(key).sort())
    assert.deepEqual([...kept, ...moved].map((pair) => key(pair.after)).concat(gained.map(key)).sort(), after.map(key).sort())
    for (const pair of moved) assert.notEqual(pair.before.raisedUs, pair.after.raisedUs)
    const back = matchEpisodes(after, before)
    assert.deepEqual([back.gained.map(key), back.lost.map(key), back.kept.length, back.moved.length], [lost.map(key), gained.map(key), kept.length, moved.length])
    assert.equal(matchEpisodes(before, before).kept.length, before.length)
  }))
})
