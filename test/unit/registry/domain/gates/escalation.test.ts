import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { escalationAt, overdueAt } from '../../../../../registry/domain/gates/escalation.ts'
import { contradiction, gateRulesSchema } from '../../../../../registry/domain/gates/rules.ts'
import { approvalRulesSchema } from '../../../../../registry/domain/governance/family.ts'

const S = 1_000_000

describe('escalation of a gate', () => {
  it('counts from the request, step by step', () => {
    const steps = [{ afterSeconds: 60 }, { afterSeconds: 120 }]
    assert.deepEqual(escalationAt(steps, 5, 5 + 60 * S - 1), { level: 0, nextUs: 5 + 60 * S })
    assert.deepEqual(escalationAt(steps, 5, 5 + 60 * S), { level: 1, nextUs: 5 + 120 * S })
    assert.deepEqual(escalationAt(steps, 5, 5 + 500 * S), { level: 2, nextUs: null })
    assert.deepEqual(escalationAt([], 0, 10), { level: 0, nextUs: null })
  })

  it('waking at the times given tells each step once', () => {
    fc.assert(fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 90 * 86_400 }), { minLength: 1, maxLength: 10 }), fc.integer({ min: 0, max: 2 ** 50 }), (seconds, requestedUs) => {
      const steps = seconds.sort((a, b) => a - b).map((afterSeconds) => ({ afterSeconds }))
      let at: number | null = requestedUs
      const levels: number[] = []
      while (at !== null) {
        const { level, nextUs } = escalationAt(steps, requestedUs, at)
        levels.push(level)
        at = nextUs
      }
      assert.deepEqual(levels, Array.from({ length: steps.length + 1 }, (_, i) => i))
    }))
  })

  it('an overdue review is told of when due, and again at each reminder, daily where there is none', () => {
    assert.deepEqual(overdueAt(100, 60, 99), { level: 0, nextUs: 100 })
    assert.deepEqual(overdueAt(100, 60, 100), { level: 1, nextUs: 100 + 60 * S })
    assert.deepEqual(overdueAt(100, 60, 100 + 60 * S), { level: 2, nextUs: 100 + 120 * S })
    assert.deepEqual(overdueAt(0, null, 86_400 * S), { level: 2, nextUs: 2 * 86_400 * S })
  })
})

describe('approval rules', () => {
  it('that contradict themselves are refused, saying how to put it right', () => {
    const rules = gateRulesSchema.parse({ expiresAtUs: 1 })
    assert.equal(contradiction(rules), null)
    assert.match(contradiction({ ...rules, perRole: { operator: 1 } }) ?? '', /operator.*add it to roles/)
    assert.match(contradiction({ ...rules, perRole: { 'reliability-engineer': 2 } }) ?? '', /raise it to 2/)
    assert.match(contradiction({ ...rules, escalation: [{ afterSeconds: 9, to: 'a' }, { afterSeconds: 9, to: 'b' }] }) ?? '', /step 2/)
    assert.throws(() => approvalRulesSchema.parse({ perRole: { 'ml-engineer': 1 } }), /add it to roles/)
    assert.throws(() => approvalRulesSchema.parse({ expiresAfterSeconds: 60, escalation: [{ afterSeconds: 60, to: 'shift-lead' }] }), /escalate earlier/)
  })
})
