import assert from 'node:assert/strict'
import { it } from 'node:test'
import { foldDecisions, initialDecisionState } from '../../../../../registry/domain/policy/decide.ts'
import { policySchema } from '../../../../../registry/domain/policy/policy.ts'
import { ruleProgress } from '../../../../../registry/domain/policy/rule-progress.ts'

const HOUR = 3_600_000_000
const startUs = Date.UTC(2026, 0, 2) * 1000
const policy = policySchema.parse({
  name: 'p', version: 1,
  rules: [{ id: 'wear', signal: 'confidence', comparison: 'above', raiseAt: 0.99, clearAt: 0.9, onDelayUs: 2 * HOUR, offDelayUs: 3 * HOUR, severity: 'high', recommendedAction: 'Look.' }],
  routing: { channels: {}, acknowledgeWithinSeconds: 60 },
})

it('tells of each rule its state, since when, and until when it waits', () => {
  const confidences = [0.5, 0.995, 0.995, 0.995, 0.5]
  const { decisions } = foldDecisions(policy, initialDecisionState(), confidences.map((confidence, i) => ({ windowEndUs: startUs + i * HOUR, score: 1, confidence, features: {} })))
  assert.deepEqual(decisions.map((decision) => ruleProgress(decision, policy.rules)[0]).map((rule) => [rule?.state, rule?.since.slice(11, 16), rule?.waitsUntil?.slice(11, 16) ?? null]), [
    ['normal', '00:00', null],
    ['pending', '01:00', '03:00'],
    ['pending', '01:00', '03:00'],
    ['active', '03:00', null],
    ['clearing', '04:00', '07:00'],
  ])
})
