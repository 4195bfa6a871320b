import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { applyShipRule, shipRuleSchema, type ShipColumns, type ShipRule } from '../../../edge/ship-rule.ts'
import { qualityCode } from '../../../registry/domain/contract/quality.ts'

const columns = (rows: readonly (readonly [seconds: number, value: number, quality?: number])[]): ShipColumns => ({
  sourceUs: Float64Array.from(rows, ([s]) => s * 1e6), gatewayUs: Float64Array.from(rows, ([s]) => s * 1e6 + 1),
  raw: Float64Array.from(rows, ([, v]) => v), value: Float64Array.from(rows, ([, v]) => v), quality: Uint16Array.from(rows, ([, , q]) => q ?? 0),
})
const shipped = (rule: ShipRule, rows: readonly (readonly [number, number, number?])[]) => {
  const out = applyShipRule(rule, columns(rows), undefined).columns
  return [...out.value].map((value, i) => [(out.sourceUs[i] ?? 0) / 1e6, value])
}

test('on change: the first, what moved by more than the deadband, what changed quality, and one after so long', () => {
  const rule = { onChange: { deadband: 1, atLeastEverySeconds: 10 } }
  assert.deepEqual(shipped(rule, [[0, 5], [1, 5.9], [2, 6.1], [3, 6], [4, 6, 1], [5, 6, 1], [14, 6, 1]]), [[0, 5], [2, 6.1], [4, 6], [14, 6]])
  assert.deepEqual(shipped({ onChange: { deadband: 0 } }, [[0, 1], [1, 1], [2, NaN, 2], [3, NaN, 2], [4, 1]]), [[0, 1], [2, NaN], [4, 1]])
})

test('every: the first of each interval', () => {
  assert.deepEqual(shipped({ every: { seconds: 10 } }, [[3, 1], [9, 2], [10, 3], [31, 4], [39, 5]]), [[3, 1], [10, 3], [31, 4]])
})

test('aggregate: one value an interval, at its end, of what is not bad; an interval of bad ones says so', () => {
  const bad = qualityCode('bad', ['device'])
  const rows = [[1, 2], [5, 4], [7, 100, bad], [11, 7], [21, NaN, bad], [31, 1]] as const
  assert.deepEqual(shipped({ aggregate: { everySeconds: 10, of: 'mean' } }, rows), [[10, 3], [20, 7], [30, NaN]])
  assert.deepEqual(shipped({ aggregate: { everySeconds: 10, of: 'count' } }, rows), [[10, 2], [20, 1], [30, 0]])
  assert.deepEqual(shipped({ aggregate: { everySeconds: 10, of: 'std' } }, [[1, 2], [2, 4], [11, 0]]), [[10, 1]])
  const { quality } = applyShipRule({ aggregate: { everySeconds: 10, of: 'max' } }, columns(rows), undefined).columns
  assert.deepEqual([...quality].map((code) => code & 3), [0, 0, 2])
})

test('cut anywhere, with the state handed on, the same ships', () => {
  const rules = fc.constantFrom<ShipRule>('all', { onChange: { deadband: 2, atLeastEverySeconds: 7 } }, { every: { seconds: 5 } }, { aggregate: { everySeconds: 5, of: 'mean' } }, { aggregate: { everySeconds: 3, of: 'std' } })
  const row = fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: -5, max: 5 }), fc.constantFrom(0, 0, 1, 2))
  fc.assert(fc.property(rules, fc.array(row, { maxLength: 40 }), fc.nat(40), (rule, steps, at) => {
    let seconds = 0
    const rows = steps.map(([step, value, quality]) => [seconds += step, value, quality] as const)
    const whole = applyShipRule(rule, columns(rows), undefined)
    const first = applyShipRule(rule, columns(rows.slice(0, at)), undefined)
    // As after a restart: the state has been through JSON.
    const kept = first.state && (JSON.parse(JSON.stringify(first.state)) as typeof first.state)
    const second = applyShipRule(rule, columns(rows.slice(at)), kept)
    for (const name of ['sourceUs', 'value', 'quality'] as const) assert.deepEqual([...first.columns[name], ...second.columns[name]], [...whole.columns[name]])
  }))
})

test('a rule without a limit, with a negative deadband or an empty interval is refused', () => {
  for (const wrong of [{ around: { beforeSeconds: 1, afterSeconds: 1 } }, { onChange: { deadband: -1 } }, { aggregate: { everySeconds: 0, of: 'mean' } }, { every: {} }, 'some']) {
    assert.equal(shipRuleSchema.safeParse(wrong).success, false, JSON.stringify(wrong))
  }
})
