import assert from 'node:assert/strict'
import { test } from 'node:test'
import { policySchema } from '../../../../../registry/domain/policy/policy.ts'
import { decideWindow, newestState } from '../../../../../registry/domain/windows/decide-window.ts'

const policy = policySchema.parse({
  name: 'p', version: 1,
  rules: [{ id: 'hot', signal: 'feature:temperature_mean', comparison: 'above', raiseAt: 80, clearAt: 70, severity: 'high', recommendedAction: 'Look.' }],
  routing: { channels: { low: [], medium: [], high: [], urgent: [] }, acknowledgeWithinSeconds: 60 },
})
const names = ['vibration_mean', 'temperature_mean']

test('a rule sees the feature it names, and nothing where it is missing', () => {
  const raised = decideWindow(policy, names, null, { endUs: 10, score: 1, confidence: 0.5, values: [500, 90] })
  assert.equal(raised.decision.rules[0]?.transition, 'raised')
  const missing = decideWindow(policy, names, raised.state, { endUs: 20, score: 1, confidence: 0.5, values: [500, NaN] })
  assert.deepEqual([missing.decision.fired, missing.decision.rules[0]?.value], ['hot', null])
  const cleared = decideWindow(policy, names, missing.state, { endUs: 30, score: NaN, confidence: NaN, values: [500, 60] })
  assert.equal(cleared.decision.rules[0]?.transition, 'cleared')
})

test('the newest of several stored states is gone on from; what is no state is passed over', () => {
  assert.equal(newestState([{}, null, 'x', { lastWindowEndUs: null, rules: {} }]), null)
  const newest = { lastWindowEndUs: 20, rules: {} }
  assert.equal(newestState([{ lastWindowEndUs: 10, rules: {} }, newest, {}]), newest)
})
