import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { foldEpisodes } from '../../../../../registry/domain/evaluation/fold-columns.ts'
import { matchEpisodes } from '../../../../../registry/domain/evaluation/match-episodes.ts'
import { foldDecision, initialDecisionState, type Decision } from '../../../../../registry/domain/policy/decide.ts'
import { policySchema, type Policy } from '../../../../../registry/domain/policy/policy.ts'
import { compareJudgements, type JudgedTwice } from '../../../../../registry/domain/replay/what-if.ts'

const S = 1_000_000
const policy = (raiseAt: number, onDelayS: number, id = 'wear'): Policy => policySchema.parse({
  name: 'p', version: 1, rules: [{ id, signal: 'score', comparison: 'above', raiseAt, clearAt: raiseAt / 2, onDelayUs: onDelayS * S, severity: 'high', recommendedAction: 'Look.' }],
  routing: { channels: { low: [], medium: [], high: [], urgent: [] }, acknowledgeWithinSeconds: 900 },
})
function decisions(by: Policy, scores: readonly number[]): Decision[] {
  let state = initialDecisionState()
  return scores.map((score, i) => {
    const folded = foldDecision(by, state, { windowEndUs: (i + 1) * S, score, confidence: null, features: {} })
    state = folded.state
    return folded.decision
  })
}
const twice = (scores: readonly number[], other: readonly number[], before: Policy, after: Policy): JudgedTwice[] => {
  const [was, is] = [decisions(before, scores), decisions(after, other)]
  return scores.map((score, i) => ({
    scoreId: `${i + 1}`, lane: 'live', endUs: (i + 1) * S,
    before: { score, confidence: NaN, decision: was[i] ?? null }, after: { score: other[i] ?? NaN, confidence: NaN, decision: is[i] ?? null },
  }))
}
const scores = fc.array(fc.integer({ min: 0, max: 10 }), { minLength: 1, maxLength: 60 })

describe('two judgements of the same windows', () => {
  it('are no different where they are the same', () => {
    fc.assert(fc.property(scores, (all) => {
      const answer = compareJudgements(twice(all, all, policy(5, 2), policy(5, 2)), () => null, 100)
      assert.deepEqual([answer.scores.differing, answer.decisions.differing, answer.gained, answer.lost, answer.moved], [0, 0, [], [], []])
      assert.equal(answer.alerts.kept, answer.alerts.before)
    }))
  })

  it('raise the alerts that a back-test over the same scores raises, and change what it says that changes', () => {
    fc.assert(fc.property(scores, fc.integer({ min: 1, max: 9 }), fc.integer({ min: 0, max: 4 }), (all, raiseAt, delay) => {
      const [before, after] = [policy(5, 2), policy(raiseAt, delay)]
      const answer = compareJudgements(twice(all, all, before, after), () => null, 100)
      const series = [{ asset: '', columns: { endUs: Float64Array.from(all, (_, i) => (i + 1) * S), suppressed: new Uint8Array(all.length), signals: new Map([['score', Float64Array.from(all)]]) } }]
      const changes = matchEpisodes(foldEpisodes(before, series), foldEpisodes(after, series))
      assert.deepEqual(answer.alerts, {
        before: changes.kept.length + changes.moved.length + changes.lost.length, after: changes.kept.length + changes.moved.length + changes.gained.length,
        kept: changes.kept.length, moved: changes.moved.length, gained: changes.gained.length, lost: changes.lost.length,
      })
    }))
  })

  it('name the greatest difference, the first other decision, and what was open before', () => {
    const [was, is] = [[1, 1, 1], [1, 4, 9]]
    const answer = compareJudgements(twice(was, is, policy(5, 0), policy(5, 0)), () => null, 100)
    assert.deepEqual([answer.scores.differing, answer.scores.greatest?.scoreId, answer.scores.greatest?.difference], [2, '3', 8])
    assert.deepEqual([answer.decisions.differing, answer.decisions.first?.scoreId, answer.decisions.first?.before?.fired, answer.decisions.first?.after?.fired], [1, '3', null, 'wear'])
    assert.deepEqual([answer.gained.length, answer.gained[0]?.scoreId], [1, '3'])
    const open = { lastWindowEndUs: 0, rules: { wear: { phase: 'active' as const, sinceUs: -5 * S, raisedUs: -5 * S } } }
    const still = compareJudgements(twice([9, 9], [9, 9], policy(5, 0), policy(5, 0)).map((window) => ({ ...window, before: { ...window.before, decision: null }, after: { ...window.after, decision: null } })), () => open, 100)
    assert.deepEqual([still.alerts.before, still.alerts.kept, still.gained], [1, 1, []])
  })

  it('count a figure on one side alone', () => {
    const answer = compareJudgements(twice([1, NaN], [NaN, NaN], policy(5, 0), policy(5, 0)), () => null, 100)
    assert.deepEqual([answer.scores.differing, answer.scores.onOneSide, answer.scores.greatest], [1, 1, null])
  })
})
