import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  foldDecision, foldDecisions, initialDecisionState, type Decision, type ScoredWindow,
} from '../../../../../registry/domain/policy/decide.ts'
import { policySchema, type Policy, type PolicyInput } from '../../../../../registry/domain/policy/policy.ts'

const MINUTE = 60_000_000
type Rule = PolicyInput['rules'][number]

function policyOf(...rules: Partial<Rule>[]): Policy {
  return policySchema.parse({
    name: 'p', version: 1, routing: { channels: {}, acknowledgeWithinSeconds: 60 },
    rules: rules.map((rule, i) => ({
      id: `r${i}`, signal: 'score', comparison: 'above', raiseAt: 10, clearAt: 5, severity: 'medium', recommendedAction: `act ${i}`, ...rule,
    })),
  })
}

function windows(scores: readonly (number | null)[]): ScoredWindow[] {
  return scores.map((score, i) => ({
    windowEndUs: (i + 1) * MINUTE, score, confidence: score === null ? null : score / 20, features: { temp: score },
  }))
}

const fold = (policy: Policy, scores: readonly (number | null)[]) => foldDecisions(policy, initialDecisionState(), windows(scores))
const phases = (policy: Policy, scores: readonly (number | null)[]) =>
  fold(policy, scores).decisions.map((d) => d.rules[0]?.state[0]).join('')

function transitions(decisions: readonly Decision[], ruleId = 'r0'): { transition: string; at: number }[] {
  return decisions.flatMap((d) => d.rules.flatMap((r) =>
    r.ruleId === ruleId && r.transition !== undefined ? [{ transition: r.transition, at: d.windowEndUs }] : []))
}

const scoresArbitrary = fc.array(fc.oneof({ weight: 6, arbitrary: fc.integer({ min: 0, max: 20 }) }, { weight: 1, arbitrary: fc.constant(null) }), { maxLength: 60 })
const delays = fc.record({ onDelayUs: fc.nat(5).map((n) => n * MINUTE), offDelayUs: fc.nat(5).map((n) => n * MINUTE) })

describe('foldDecision', () => {
  it('walks through on-delay, deadband and off-delay', () => {
    const policy = policyOf({ onDelayUs: 2 * MINUTE, offDelayUs: MINUTE })
    assert.equal(phases(policy, [1, 11, 11, 9, 11, 11, 11, 7, 4, 6, 4, 4, 4]), 'nppnppaacacnn')
  })

  it('says which rule fired with its numbers, the highest severity first', () => {
    const policy = policyOf({ severity: 'low' }, { id: 'hot', signal: 'feature:temp', raiseAt: 15, clearAt: 12, severity: 'urgent', failureMode: 'OHE' })
    const [first, second] = fold(policy, [11, 16]).decisions
    assert.deepEqual([first?.fired, first?.severity, first?.failureMode], ['r0', 'low', null])
    assert.deepEqual([second?.fired, second?.severity, second?.recommendedAction, second?.failureMode], ['hot', 'urgent', 'act 1', 'OHE'])
    assert.deepEqual(second?.rules[1], {
      ruleId: 'hot', state: 'active', value: 16, raiseAt: 15, clearAt: 12, sinceUs: 2 * MINUTE, transition: 'raised',
    })
  })

  it('watches confidence, and values below a level', () => {
    assert.equal(phases(policyOf({ signal: 'confidence', raiseAt: 0.5, clearAt: 0.3 }), [9, 10, 7, 6, 5]), 'naaan')
    assert.equal(phases(policyOf({ comparison: 'below', raiseAt: 5, clearAt: 10 }), [6, 5, 9, 10, 11]), 'naaan')
  })

  it('a window without a figure neither raises nor clears nor interrupts', () => {
    const policy = policyOf({ onDelayUs: 2 * MINUTE, offDelayUs: 2 * MINUTE })
    assert.equal(phases(policy, [null, 11, null, null, 11, null, 4, null, 4]), 'npppaaccn')
    const bad = { ...windows([99])[0], qualityOk: false } as ScoredWindow
    assert.equal(foldDecision(policyOf({}), initialDecisionState(), bad).decision.fired, null)
    const stranger = foldDecision(policyOf({ signal: 'feature:toString' }), initialDecisionState(), windows([99])[0] as ScoredWindow)
    assert.equal(stranger.decision.rules[0]?.value, null)
  })

  it('refuses a window that does not come after the last', () => {
    const { state } = fold(policyOf({}), [1, 2])
    assert.throws(() => foldDecision(policyOf({}), state, windows([1, 2])[1] as ScoredWindow), { code: 'stale_state' })
  })

  it('ends what a new policy no longer watches, and goes on with what it keeps', () => {
    const before = fold(policyOf({}, { id: 'old', signal: 'confidence', raiseAt: 0.5, clearAt: 0.4 }), [11])
    const { decision, state } = foldDecision(policyOf({ raiseAt: 19, clearAt: 3 }), before.state, windows([1, 7])[1] as ScoredWindow)
    assert.deepEqual(decision.retired, ['old'])
    assert.equal(decision.rules[0]?.state, 'active')
    assert.deepEqual(foldDecision(policyOf({}), state, windows([1, 1, 7])[2] as ScoredWindow).decision.retired, [])
  })

  it('is a fold: any prefix, its state through JSON, then the rest, gives the same as all at once', () => {
    fc.assert(fc.property(scoresArbitrary, delays, fc.nat(), (scores, delay, cut) => {
      const policy = policyOf(delay, { id: 'second', signal: 'confidence', raiseAt: 0.7, clearAt: 0.2, ...delay })
      const all = windows(scores)
      const at = cut % (scores.length + 1)
      const whole = foldDecisions(policy, initialDecisionState(), all)
      const prefix = foldDecisions(policy, initialDecisionState(), all.slice(0, at))
      const rest = foldDecisions(policy, JSON.parse(JSON.stringify(prefix.state)) as typeof prefix.state, all.slice(at))
      assert.deepEqual([...prefix.decisions, ...rest.decisions], whole.decisions)
      assert.deepEqual(rest.state, whole.state)
      assert.deepEqual(foldDecisions(policy, initialDecisionState(), all), whole)
    }))
  })

  it('never raises twice without clearing, however the signal chatters', () => {
    fc.assert(fc.property(scoresArbitrary, delays, (scores, delay) => {
      const seen = transitions(fold(policyOf(delay), scores).decisions).map((t) => t.transition)
      seen.forEach((transition, i) => assert.equal(transition, i % 2 === 0 ? 'raised' : 'cleared'))
    }))
  })

  it('raises exactly when the condition has held for the on-delay, and not a window sooner', () => {
    fc.assert(fc.property(fc.array(fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 0, max: 20 })), { maxLength: 40 }), fc.nat(8), (steps, delay) => {
      let time = 0
      const all = steps.map(([gap, score]): ScoredWindow => ({ windowEndUs: (time += gap), score, confidence: null, features: {} }))
      const { decisions } = foldDecisions(policyOf({ onDelayUs: delay, clearAt: -1 }), initialDecisionState(), all)
      let first: number | null = null
      let expected: number | undefined
      for (const { windowEndUs, score } of all) {
        first = (score ?? 0) >= 10 ? (first ?? windowEndUs) : null
        if (first !== null && windowEndUs - first >= delay) expected ??= windowEndUs
      }
      assert.equal(transitions(decisions)[0]?.at, expected)
    }))
  })

  it('a higher raise level, or a longer on-delay, never raises earlier', () => {
    fc.assert(fc.property(scoresArbitrary, delays, fc.nat(9), fc.nat(3), (scores, delay, higher, longer) => {
      const at = (rule: Partial<Rule>) => transitions(fold(policyOf(rule), scores).decisions)[0]?.at ?? Infinity
      assert.ok(at({ ...delay, raiseAt: 10 + higher }) >= at(delay))
      assert.ok(at({ ...delay, onDelayUs: delay.onDelayUs + longer * MINUTE }) >= at(delay))
    }))
  })
})
