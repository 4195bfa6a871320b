import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { foldEpisodes, foldRule, initialRuleFold, type AssetSeries, type RaisedEpisode } from '../../../../../registry/domain/evaluation/fold-columns.ts'
import { initialDecisionState, type DecisionState } from '../../../../../registry/domain/policy/decide.ts'
import { policySchema, type Policy } from '../../../../../registry/domain/policy/policy.ts'
import { phaseNames } from '../../../../../registry/domain/policy/rule-step.ts'
import { decideWindow } from '../../../../../registry/domain/windows/decide-window.ts'

const MINUTE = 60_000_000
const SIGNALS = ['confidence', 'score', 'feature:temp', 'feature:nobody-computes-this'] as const
const FEATURES = ['speed', 'temp']

/** Levels on a coarse grid, so that values meet them exactly; each rule on a signal of its own, so that bands never overlap. */
const policies: fc.Arbitrary<Policy> = fc.uniqueArray(fc.record({
  signal: fc.constantFrom(...SIGNALS), above: fc.boolean(), low: fc.integer({ min: 1, max: 8 }), gap: fc.integer({ min: 1, max: 8 }),
  onDelayUs: fc.nat(4).map((n) => n * MINUTE), offDelayUs: fc.nat(4).map((n) => n * MINUTE), severity: fc.constantFrom('low', 'high', 'urgent'),
}), { minLength: 1, maxLength: 4, selector: ({ signal }) => signal }).map((rules) => policySchema.parse({
  name: 'p', version: 1, routing: { channels: {}, acknowledgeWithinSeconds: 60 },
  rules: rules.map(({ signal, above, low, gap, ...rule }, i) => {
    const [a, b] = [low / 20, (low + gap) / 20]
    return { id: `r${i}`, signal, comparison: above ? 'above' : 'below', raiseAt: above ? b : a, clearAt: above ? a : b, recommendedAction: 'Look.', ...rule }
  }),
}))

const figure = fc.oneof({ weight: 8, arbitrary: fc.integer({ min: 0, max: 20 }).map((n) => n / 20) }, { weight: 1, arbitrary: fc.constantFrom(NaN, Infinity, -Infinity) })
interface Row { endUs: number; score: number; confidence: number; values: number[]; suppressed: boolean }
const rowsOfAsset: fc.Arbitrary<Row[]> = fc.array(
  fc.record({ gap: fc.integer({ min: 1, max: 3 }), score: figure, confidence: figure, values: fc.tuple(figure, figure), suppressed: fc.integer({ min: 0, max: 5 }).map((n) => n === 0) }),
  { maxLength: 60 },
).map((steps) => {
  let endUs = 0
  return steps.map(({ gap, ...row }) => ({ ...row, endUs: (endUs += gap * MINUTE) }))
})

const seriesOf = (asset: string, rows: readonly Row[]): AssetSeries => ({
  asset,
  columns: {
    endUs: Float64Array.from(rows, ({ endUs }) => endUs), suppressed: Uint8Array.from(rows, ({ suppressed }) => Number(suppressed)),
    signals: new Map([
      ['confidence', Float64Array.from(rows, ({ confidence }) => confidence)], ['score', Float64Array.from(rows, ({ score }) => score)],
      ['feature:temp', Float64Array.from(rows, ({ values }) => values[1]!)],
    ]),
  },
})

const decide = (policy: Policy, state: DecisionState | null, row: Row) => decideWindow(policy, FEATURES, state, row)

test('stands, after every window, where the live decision stands', () => {
  fc.assert(fc.property(policies, rowsOfAsset, fc.array(fc.integer({ min: 1, max: 20 }), { maxLength: 10 }), (policy, rows, steps) => {
    const { columns } = seriesOf('a', rows)
    const folds = policy.rules.map(() => initialRuleFold())
    let state = initialDecisionState()
    // In stretches of random length, then to the end: a fold goes on from where it stands.
    for (let from = 0, i = 0; from < rows.length; i++) {
      const to = Math.min(rows.length, from + (steps[i] ?? 1))
      const seen: [string, number, boolean][] = []
      policy.rules.forEach((rule, r) => foldRule(rule, columns, folds[r]!, from, to, (row, raised) => seen.push([rule.id, columns.endUs[row]!, raised])))
      const expected: typeof seen = []
      for (const row of rows.slice(from, to)) {
        const folded = decide(policy, state, row)
        state = folded.state
        for (const { ruleId, transition } of folded.decision.rules) if (transition !== undefined) expected.push([ruleId, row.endUs, transition === 'raised'])
      }
      const order = (list: typeof seen) => list.sort((a, b) => a[0].localeCompare(b[0]) || a[1] - b[1])
      assert.deepEqual(order(seen), order(expected))
      policy.rules.forEach((rule, r) => {
        const { phase, sinceUs, raisedUs } = folds[r]!
        assert.deepEqual({ phase: phaseNames[phase], sinceUs, ...(!Number.isNaN(raisedUs) && { raisedUs }) }, state.rules[rule.id])
      })
      from = to
    }
  }), { numRuns: 500 })
})

test('gives the episodes of the live decision, for several assets at once', () => {
  fc.assert(fc.property(policies, fc.array(rowsOfAsset, { maxLength: 4 }), (policy, assets) => {
    const expected: RaisedEpisode[] = []
    assets.forEach((rows, a) => {
      let state: DecisionState | null = null
      const open = new Map<string, number>()
      for (const row of rows) {
        const folded = decide(policy, state, row)
        state = folded.state
        for (const { ruleId, transition } of folded.decision.rules) {
          if (transition === 'raised') open.set(ruleId, row.endUs)
          if (transition !== 'cleared') continue
          expected.push({ asset: `a${a}`, rule: ruleId, raisedUs: open.get(ruleId)!, clearedUs: row.endUs, closedUs: row.endUs })
          open.delete(ruleId)
        }
      }
      for (const [rule, raisedUs] of open) expected.push({ asset: `a${a}`, rule, raisedUs, clearedUs: null, closedUs: rows.at(-1)!.endUs })
    })
    const key = (e: RaisedEpisode) => `${e.asset} ${e.rule} ${e.raisedUs}`
    const found = foldEpisodes(policy, assets.map((rows, a) => seriesOf(`a${a}`, rows)))
    assert.deepEqual([...found].sort((a, b) => key(a).localeCompare(key(b))), expected.sort((a, b) => key(a).localeCompare(key(b))))
    assert.deepEqual(found.map(({ raisedUs }) => raisedUs), found.map(({ raisedUs }) => raisedUs).sort((a, b) => a - b))
  }), { numRuns: 300 })
})
