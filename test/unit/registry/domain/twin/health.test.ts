import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { PolicyRule } from '../../../../../registry/domain/policy/policy.ts'
import { healthOf, ruleCloseness } from '../../../../../registry/domain/twin/health.ts'

const confidence: PolicyRule = {
  id: 'wear', signal: 'confidence', comparison: 'above', raiseAt: 0.99, clearAt: 0.95, onDelayUs: 0, offDelayUs: 0,
  severity: 'high', failureMode: 'VIB', recommendedAction: 'Inspect the bearing.',
}
const { failureMode: _none, ...unnamed } = confidence
const pressure: PolicyRule = { ...unnamed, id: 'pressure', signal: 'feature:pressure', comparison: 'below', raiseAt: 2, clearAt: 3 }
const decided = (rule: PolicyRule, value: number | null) => ({ ruleId: rule.id, state: 'normal' as const, value, raiseAt: rule.raiseAt, clearAt: rule.clearAt, sinceUs: 0 })
const health = (value: number | null, rule = confidence) => healthOf(ruleCloseness([rule], { rules: [decided(rule, value)] }))

test('health is 50 where the rule raises, near 100 at rest, 0 far beyond', () => {
  assert.equal(health(0.99), 50)
  assert.equal(health(0.9999), 0)
  assert.equal(health(0.01), 100)
  assert.equal(health(0.9), 75)
})

test('a rule that raises below a level counts from its clearing level down', () => {
  assert.equal(health(3.5, pressure), 100)
  assert.equal(health(2, pressure), 50)
  assert.equal(health(1, pressure), 0)
})

test('no figure, no health', () => {
  assert.equal(health(null), null)
  assert.equal(healthOf([]), null)
})

test('the nearest rule comes first and decides', () => {
  const closeness = ruleCloseness([confidence, pressure], { rules: [decided(confidence, 0.9), decided(pressure, 2.1)] })
  assert.deepEqual(closeness.map(({ rule }) => rule), ['pressure', 'wear'])
})

test('health never rises with confidence and stays within 0 and 100', () => {
  fc.assert(fc.property(fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true }), (a, b) => {
    const [low, high] = [Math.min(a, b), Math.max(a, b)]
    const atLow = health(low) ?? -1
    const atHigh = health(high) ?? -1
    assert.ok(atHigh <= atLow && atHigh >= 0 && atLow <= 100)
  }))
})
