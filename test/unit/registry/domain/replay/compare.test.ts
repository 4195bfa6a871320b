import assert from 'node:assert/strict'
import { test } from 'node:test'
import { firstDifference, withinTolerance, type Reckoning } from '../../../../../registry/domain/replay/compare.ts'
import type { Decision } from '../../../../../registry/domain/policy/decide.ts'

const decision = (value: number, state: 'normal' | 'active' = 'active'): Decision => ({
  windowEndUs: 10, fired: state === 'active' ? 'wear' : null, severity: state === 'active' ? 'high' : null, recommendedAction: null, failureMode: null, retired: [],
  rules: [{ ruleId: 'wear', state, value, raiseAt: 5, clearAt: 4, sinceUs: 10 }],
})
const stored: Reckoning = { features: [1, NaN], score: 7, confidence: 0.9, decision: decision(7) }
const names = ['a', 'b']
const loose = { relative: 1e-3, absolute: 1e-9 }

test('what is the same to the bit has no difference, missing features included', () => {
  assert.equal(firstDifference(names, stored, { ...stored, features: Float64Array.from([1, NaN]), decision: decision(7) }, null), null)
})

test('the first difference is the one the others follow from', () => {
  const other: Reckoning = { features: [1, 2], score: 8, confidence: 0.8, decision: decision(8) }
  assert.deepEqual(firstDifference(names, stored, other, null), { what: 'feature b', stored: null, recomputed: 2 })
  assert.equal(firstDifference(names, stored, { ...other, features: [1, NaN] }, null)?.what, 'score')
  assert.equal(firstDifference(names, stored, { ...other, features: [1, NaN], score: 7 }, null)?.what, 'confidence')
  assert.equal(firstDifference(names, stored, { ...stored, decision: decision(8) }, null)?.what, 'decision')
  assert.equal(firstDifference(names, stored, { ...stored, decision: null }, null)?.what, 'decision')
  assert.equal(firstDifference(names, stored, { ...stored, features: [1] }, null)?.what, 'feature b')
})

test('zero and minus zero differ to the bit, and are alike within a tolerance', () => {
  assert.equal(firstDifference(names, { ...stored, score: 0 }, { ...stored, score: -0 }, null)?.what, 'score')
  assert.equal(firstDifference(names, { ...stored, score: 0 }, { ...stored, score: -0 }, loose), null)
})

test('in another runtime figures may differ a little, what was decided may not', () => {
  const near: Reckoning = { features: [1.0001, NaN], score: 7.001, confidence: 0.9001, decision: decision(7.001) }
  assert.equal(firstDifference(names, stored, near, loose), null)
  assert.equal(firstDifference(names, stored, { ...near, score: 7.1 }, loose)?.what, 'score')
  assert.equal(firstDifference(names, stored, { ...near, decision: decision(7.001, 'normal') }, loose)?.what, 'decision')
  assert.equal(withinTolerance(NaN, 1, loose), false)
})
