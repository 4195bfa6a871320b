import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { checkSeries, type Series } from '../../../../../registry/domain/checks/check-series.ts'
import type { TagChecks } from '../../../../../registry/domain/checks/limits.ts'
import { qualityCode, qualityLevel, qualityReasonsOf } from '../../../../../registry/domain/contract/quality.ts'

const series = (rows: readonly (readonly [seconds: number, value: number, quality?: number])[]): Series => ({
  timesUs: Float64Array.from(rows, ([s]) => s * 1e6), values: Float64Array.from(rows, ([, v]) => v), quality: Uint16Array.from(rows, ([, , q]) => q ?? 0),
})
const reasons = (checked: { quality: Uint16Array | null }) => [...(checked.quality ?? [])].map((code) => qualityReasonsOf(code).join('+'))

test('a value outside the range is doubted, not refused', () => {
  const checked = checkSeries(series([[0, 5], [1, 11], [2, -1], [3, 10]]), { range: { low: 0, high: 10 } })
  assert.deepEqual(reasons(checked), ['', 'range', 'range', ''])
  assert.equal(qualityLevel(checked.quality?.[1] ?? 0), 'uncertain')
  assert.equal(checked.flagged, 2)
})

test('a change faster than the machine can make is doubted, by the time between the readings', () => {
  assert.deepEqual(reasons(checkSeries(series([[0, 0], [1, 4], [2, 10], [4, 20]]), { maxRatePerSec: 5 })), ['', '', 'rateOfChange', ''])
})

test('a value that does not move for too long is a stuck sensor, until it moves', () => {
  assert.deepEqual(reasons(checkSeries(series([[0, 1], [30, 1], [60, 1], [90, 1], [91, 2]]), { flatlineAfterSeconds: 60 })), ['', '', 'flatline', 'flatline', ''])
})

test('another pace than the regular one is told, and leaves the value good', () => {
  const rows = Array.from({ length: 60 }, (_, i) => [i < 20 ? i : 20 + (i - 20) * 1.5, i] as const)
  const checked = checkSeries(series(rows), { everySeconds: 1 })
  assert.deepEqual(reasons(checked).slice(0, 20).join(''), '')
  assert.equal(reasons(checked).at(-1), 'samplingSkew')
  assert.equal(qualityLevel(checked.quality?.at(-1) ?? 1), 'good')
})

test('a bad reading is no reference for the next, and keeps its own reasons', () => {
  const bad = qualityCode('bad', ['communication'])
  const checked = checkSeries(series([[0, 1], [1, NaN, bad], [2, 1.5]]), { maxRatePerSec: 1, range: { low: 0, high: 2 } })
  assert.deepEqual(reasons(checked), ['', 'communication', ''])
})

test('a series without fault comes back as it is, null stays null', () => {
  const given = { ...series([[0, 1], [1, 2]]), quality: null }
  assert.equal(checkSeries(given, { range: { low: 0, high: 5 } }).quality, null)
})

test('cut anywhere, with the state handed on, the flags are the same', () => {
  const row = fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: -2, max: 12 }), fc.constantFrom(0, 0, 0, qualityCode('bad', ['device'])))
  const checks: TagChecks = { range: { low: 0, high: 10 }, maxRatePerSec: 3, flatlineAfterSeconds: 4, everySeconds: 1 }
  fc.assert(fc.property(fc.array(row, { maxLength: 40 }), fc.nat(40), (steps, at) => {
    let seconds = 0
    const rows = steps.map(([step, value, quality]) => [seconds += step, value, quality] as const)
    const whole = checkSeries(series(rows), checks)
    const first = checkSeries(series(rows.slice(0, at)), checks)
    const second = checkSeries(series(rows.slice(at)), checks, first.state)
    assert.deepEqual([...(first.quality ?? []), ...(second.quality ?? [])], [...(whole.quality ?? [])])
    assert.deepEqual(second.state, whole.state)
    assert.equal(first.flagged + second.flagged, whole.flagged)
  }))
})
