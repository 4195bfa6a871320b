import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { runBackTest } from '../../../../../registry/domain/evaluation/back-test.ts'
import type { AssetSeries } from '../../../../../registry/domain/evaluation/fold-columns.ts'
import { levelForLead, levelForLoad, tradeOff, withLevels } from '../../../../../registry/domain/evaluation/trade-off.ts'
import { policySchema, type PolicyRule } from '../../../../../registry/domain/policy/policy.ts'

const DAY = 86_400_000_000
const HOUR = DAY / 24
const policy = policySchema.parse({
  name: 'p', version: 1, routing: { channels: {}, acknowledgeWithinSeconds: 60 },
  rules: [
    { id: 'wear', signal: 'confidence', comparison: 'above', raiseAt: 0.9, clearAt: 0.8, severity: 'low', recommendedAction: 'Look.' },
    { id: 'torn', signal: 'confidence', comparison: 'above', raiseAt: 0.999, clearAt: 0.99, severity: 'urgent', recommendedAction: 'Stop.' },
  ],
})
const rule = policy.rules[0]!
const seriesOf = (values: number[]): AssetSeries[] => [{
  asset: 'a', columns: { endUs: Float64Array.from(values, (_, i) => (i + 1) * HOUR), suppressed: new Uint8Array(values.length), signals: new Map([['confidence', Float64Array.from(values)]]) },
}]
const run = (values: number[], failures: number[] = [], leadHours: number | null = null) => tradeOff({
  series: seriesOf(values), policy, rule, leadHours, failures: failures.map((hour) => ({ asset: 'a', atUs: hour * HOUR })), span: { fromUs: HOUR, toUs: values.length * HOUR },
})

test('every point is what a back-test of that very policy says, a policy it is, and the curve goes from loud to quiet', () => {
  fc.assert(fc.property(fc.array(fc.double({ min: 0.01, max: 0.99999, noNaN: true }), { minLength: 5, maxLength: 200 }), (values) => {
    const points = run(values)
    assert.ok(points.some((point) => point.raiseAt === rule.raiseAt && point.clearAt === rule.clearAt), 'what is in force is on the curve')
    for (const [i, point] of points.entries()) {
      const tried = withLevels(policy, 'wear', point)
      assert.deepEqual(policySchema.parse(tried), tried)
      assert.equal(runBackTest({ series: seriesOf(values), policy: tried, failures: [] }).episodes.length, point.alerts)
      assert.ok(i === 0 || point.raiseAt > points[i - 1]!.raiseAt)
    }
  }), { numRuns: 60 })
})

test('whatever is tried ends in ordinary running, of every machine, over its off-delay, and where that runs at one value', () => {
  // Levels in force far apart: the same ratio for a low level would clear below anything that was ever scored.
  const wide: PolicyRule = { ...rule, raiseAt: 0.995, clearAt: 0.9, offDelayUs: 12 * HOUR }
  const bursts = (normal: (i: number) => number) => Array.from({ length: 400 }, (_, i) => (i % 40 === 39 ? 0.7 + (i % 7) / 100 : normal(i)))
  for (const machines of [[bursts((i) => 0.02 + (i % 10) / 1000)], [bursts(() => 0.02)], [bursts((i) => 0.02 + (i % 10) / 1000), bursts((i) => 0.1 + ((i * 7) % 10) / 1000)]]) {
    const series = machines.flatMap((values, i) => seriesOf(values).map((one) => ({ ...one, asset: `m-${i}` })))
    const points = tradeOff({ series, policy: { ...withLevels(policy, 'wear', wide), rules: [wide] }, rule: wide, leadHours: null, failures: [], span: { fromUs: HOUR, toUs: 400 * HOUR } })
    const alarming = points.filter(({ raiseAt, alerts }) => raiseAt !== wide.raiseAt && alerts > 0)
    assert.ok(alarming.length > 3)
    for (const point of alarming) assert.ok(point.raiseAt > 0.69 || point.alerts === 10 * machines.length, `ten bursts a machine are ten alerts: ${JSON.stringify(point)}`)
  }
})

test('takes the loudest level within a load, and refuses what no level gives', () => {
  const values = Array.from({ length: 24 * 20 }, (_, i) => (i % 24 === 0 ? 0.95 : i % 12 === 0 ? 0.6 : 0.1))
  const points = run(values)
  const chosen = levelForLoad(points, 1.1)
  assert.ok(chosen.alertsPerDay <= 1.1)
  assert.equal(chosen.alerts, Math.max(...points.filter((point) => point.alertsPerDay <= 1.1).map((point) => point.alerts)))
  const torn = Array.from({ length: 48 }, (_, i) => (i % 2 === 0 ? 0.9999 : 0.1))
  assert.throws(() => levelForLoad(run(torn), 1), { code: 'insufficient_data', message: /other rules raise the rest/ })
})

test('takes the quietest level that announces failures in time', () => {
  const values = Array.from({ length: 300 }, (_, i) => (i >= 40 && i <= 100 ? 0.5 + (i - 40) / 150 : i === 200 ? 0.7 : 0.1))
  const points = run(values, [100], 30)
  const chosen = levelForLead(points, 30)
  assert.equal(chosen.inTime, 1)
  assert.ok(points.every((point) => point.inTime !== 1 || point.alerts >= chosen.alerts))
  assert.ok(points.every((point) => point.raiseAt <= chosen.raiseAt || point.inTime === 0 || point.alerts > chosen.alerts))
  assert.throws(() => levelForLead(run(values, [100], 160), 160), { code: 'insufficient_data' })
  assert.throws(() => levelForLead(run(values, [], 10), 10), { code: 'insufficient_data', message: /no failure is recorded/ })
})
