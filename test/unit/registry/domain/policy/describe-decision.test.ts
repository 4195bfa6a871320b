import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { RuleDecision } from '../../../../../registry/domain/policy/decide.ts'
import { describeDecision } from '../../../../../registry/domain/policy/describe-decision.ts'
import type { PolicyRule } from '../../../../../registry/domain/policy/policy.ts'

const HOUR = 3_600_000_000
const sinceUs = Date.UTC(2026, 0, 2, 3) * 1000
const rule = (id: string): PolicyRule => ({
  id, signal: 'confidence', comparison: 'above', raiseAt: 0.99, clearAt: 0.9, onDelayUs: 2 * HOUR, offDelayUs: 0, severity: 'high', recommendedAction: 'Look.',
})
const policy = [rule('wear'), rule('heat')]
const judged = (ruleId: string, state: RuleDecision['state'], transition?: 'raised' | 'cleared'): RuleDecision =>
  ({ ruleId, state, value: 0.995, raiseAt: 0.99, clearAt: 0.9, sinceUs, ...(transition && { transition }) })

describe('a decision in words', () => {
  it('says of a rule in its on-delay that it is pending, since when, and until when it must hold', () => {
    const { label, detail } = describeDecision({ fired: null, rules: [judged('wear', 'normal'), judged('heat', 'pending')] }, policy)
    assert.equal(label, 'heat pending, not raised')
    assert.match(detail ?? '', /confidence 0\.995, raises at 0\.99; held since 2026-01-02T03:00.*, raises if it still holds at 2026-01-02T05:00/)
  })

  it('counts further pending rules', () => {
    const { detail } = describeDecision({ fired: null, rules: [judged('wear', 'pending'), judged('heat', 'pending')] }, policy)
    assert.match(detail ?? '', /; 1 more rule pending$/)
  })

  it('names the rule in force before one that is pending', () => {
    assert.equal(describeDecision({ fired: 'wear', rules: [judged('heat', 'pending'), judged('wear', 'active')] }, policy).label, 'wear active')
  })

  it('names the rule asked for, and what just happened to it', () => {
    assert.equal(describeDecision({ fired: 'heat', rules: [judged('heat', 'active'), judged('wear', 'active', 'raised')] }, policy, 'wear').label, 'wear raised')
  })

  it('says that no rule is in force only when none is, with how near each was', () => {
    const { label, detail } = describeDecision({ fired: null, rules: [judged('wear', 'normal')] }, policy)
    assert.deepEqual([label, detail], ['no rule in force', 'confidence 0.995, wear raises at 0.99'])
  })
})
