import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { timeToReach, trendOf } from '../../../../../registry/domain/twin/trend.ts'

const HOUR = 3_600_000_000
const line = (n: number, at: (i: number) => number) => Array.from({ length: n }, (_, i) => ({ timeUs: i * HOUR, value: at(i) }))

test('a rising line is found with its slope, although a quarter of the points are wild', () => {
  const trend = trendOf(line(40, (i) => (i % 4 === 0 ? 50 : 0.3 + i / 24)))
  assert.equal(trend.verdict, 'rising')
  assert.ok(trend.verdict === 'rising' && Math.abs(trend.slopePerDay - 1) < 0.2)
})

test('a falling one likewise; a constant is steady with p = 1', () => {
  assert.equal(trendOf(line(20, (i) => 5 - i / 5)).verdict, 'falling')
  const flat = trendOf(line(20, () => 1))
  assert.deepEqual({ ...flat }, { verdict: 'steady', slopePerDay: 0, pValue: 1, level: 1, points: 20 })
})

test('a change that is sure but too small to matter is steady', () => {
  assert.equal(trendOf(line(40, (i) => i * 1e-4)).verdict, 'steady')
})

test('too few points, or points at one time, tell nothing', () => {
  assert.equal(trendOf(line(7, (i) => i)).verdict, 'insufficient_data')
  assert.equal(trendOf(Array.from({ length: 20 }, (_, i) => ({ timeUs: 0, value: i }))).verdict, 'insufficient_data')
  assert.equal(trendOf(line(20, () => NaN)).verdict, 'insufficient_data')
})

test('the p-value of Mann–Kendall: S = 27 of n = 10 without ties', () => {
  // 45 pairs, 9 of them discordant. Variance n(n−1)(2n+5)/18 = 125, z = 26/√125 = 2.3255, two-sided p = 0.0200.
  const trend = trendOf([1, 2, 3, 7, 6, 5, 4, 10, 9, 8].map((value, i) => ({ timeUs: i, value })))
  assert.ok(trend.verdict !== 'insufficient_data')
  assert.ok(Math.abs(trend.pValue - 0.02) < 1e-3, `p = ${trend.pValue}`)
})

test('shifting time or value changes neither verdict nor slope', () => {
  fc.assert(fc.property(fc.array(fc.integer({ min: -100, max: 100 }), { minLength: 8, maxLength: 30 }), fc.integer({ min: 0, max: 1000 }), (values, shift) => {
    const a = trendOf(values.map((value, i) => ({ timeUs: i * HOUR, value })))
    const b = trendOf(values.map((value, i) => ({ timeUs: (i + shift) * HOUR, value: value + shift })))
    assert.equal(a.verdict, b.verdict)
  }))
})

test('time to a level: from the line, not from the last value; never for what does not rise', () => {
  const rising = trendOf(line(25, (i) => i / 24))
  assert.ok(Math.abs((timeToReach(rising, 3) ?? 0) - 48 * HOUR) < HOUR)
  assert.equal(timeToReach(rising, 0.5), 0)
  assert.equal(timeToReach(trendOf(line(25, (i) => -i)), 3), null)
})
