import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { policyDigest, policySchema, severityRank, watchedFeature, type PolicyInput } from '../../../../../registry/domain/policy/policy.ts'

const examplePolicy: PolicyInput = {
  name: 'pumps',
  version: 1,
  rules: [
    {
      id: 'bearing-wear', signal: 'confidence', comparison: 'above', raiseAt: 0.99, clearAt: 0.95, onDelayUs: 600_000_000,
      offDelayUs: 1_200_000_000, severity: 'high', failureMode: 'VIB', recommendedAction: 'Inspect the drive-end bearing within 48 h.',
    },
    {
      id: 'hot-motor', signal: 'feature:motor-temp-max', comparison: 'above', raiseAt: 95, clearAt: 90, severity: 'urgent',
      recommendedAction: 'Stop the pump and check its cooling.',
    },
    {
      id: 'warm-motor', signal: 'feature:motor-temp-max', comparison: 'above', raiseAt: 85, clearAt: 80, severity: 'low',
      recommendedAction: 'Clean the cooling fins at the next round.',
    },
    {
      id: 'cold-motor', signal: 'feature:motor-temp-max', comparison: 'below', raiseAt: -5, clearAt: 0, severity: 'low',
      recommendedAction: 'Switch the heating on.',
    },
  ],
  routing: {
    channels: { high: ['slack:#pumps'], urgent: ['webhook:on-call'] }, acknowledgeWithinSeconds: 900,
    escalation: [{ afterSeconds: 900, to: 'reliability' }, { afterSeconds: 3600, to: 'plant-manager' }],
  },
}

type Rule = PolicyInput['rules'][number]
const [wear, hot] = examplePolicy.rules as [Rule, Rule]

/** The paths and messages with which a changed policy is refused. */
function problems(change: Partial<PolicyInput>): string[] {
  const result = policySchema.safeParse({ ...examplePolicy, ...change })
  return result.success ? [] : result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`)
}

describe('policy', () => {
  it('accepts bands that only meet, and fills in defaults', () => {
    const policy = policySchema.parse(examplePolicy)
    assert.equal(policy.rules[1]?.onDelayUs, 0)
    assert.deepEqual(policy.routing.channels.low, [])
    assert.deepEqual(problems({ rules: [wear, { ...wear, id: 'sure', raiseAt: 0.999, clearAt: 0.99 }] }), [])
    assert.equal(watchedFeature(hot), 'motor-temp-max')
    assert.equal(watchedFeature(wear), undefined)
    assert.ok(severityRank('urgent') > severityRank('high'))
  })

  it('has a digest of its meaning', () => {
    const policy = policySchema.parse(examplePolicy)
    assert.equal(policyDigest(policySchema.parse(JSON.parse(JSON.stringify(policy)))), policyDigest(policy))
    assert.notEqual(policyDigest(policySchema.parse({ ...examplePolicy, rules: [{ ...wear, raiseAt: 0.98 }] })), policyDigest(policy))
  })

  const refused: [string, Partial<PolicyInput>, RegExp][] = [
    ['a clear level on the wrong side (above)', { rules: [{ ...wear, clearAt: 0.995 }] }, /^rules\.0\.clearAt: .*set clearAt below 0\.99/],
    ['a clear level at the raise level', { rules: [{ ...wear, clearAt: 0.99 }] }, /^rules\.0\.clearAt/],
    ['a clear level on the wrong side (below)', { rules: [{ ...hot, comparison: 'below' }] }, /set clearAt above 95/],
    ['a confidence nobody reaches', { rules: [{ ...wear, raiseAt: 1 }] }, /^rules\.0\.raiseAt: .*strictly between 0 and 1/],
    ['a repeated rule id', { rules: [wear, { ...hot, id: wear.id }] }, /^rules\.1\.id: "bearing-wear" is already the id of rules\[0\]/],
    ['a negative delay', { rules: [{ ...wear, onDelayUs: -1 }] }, /^rules\.0\.onDelayUs: .*0 or more/],
    ['overlapping bands', { rules: [wear, { ...wear, id: 'twin', raiseAt: 0.97, clearAt: 0.9 }] }, /^rules\.1: the band 0\.9–0\.97 .*overlaps/],
    ['the same band twice', { rules: [wear, { ...wear, id: 'twin', onDelayUs: 0 }] }, /overlaps/],
    ['bands with no calm between', { rules: [hot, { ...hot, id: 'cold', comparison: 'below', raiseAt: 91, clearAt: 92 }] }, /no value that clears both/],
    ['an unknown signal', { rules: [{ ...wear, signal: 'feature:' }] }, /^rules\.0\.signal: a signal is/],
    ['no rule', { rules: [] }, /^rules/],
    ['an escalation before the deadline', { routing: { ...examplePolicy.routing, escalation: [{ afterSeconds: 60, to: 'x' }] } },
      /^routing\.escalation\.0\.afterSeconds: .*900 or later/],
    ['escalations out of order', { routing: { ...examplePolicy.routing, escalation: [{ afterSeconds: 950, to: 'x' }, { afterSeconds: 950, to: 'y' }] } },
      /^routing\.escalation\.1\.afterSeconds: .*951 or later/],
  ]
  for (const [what, change, message] of refused) {
    it(`refuses ${what}`, () => assert.match(problems(change)[0] ?? 'accepted', message))
  }
})
