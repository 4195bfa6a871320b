import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { foldEpisodes } from '../../../../../registry/domain/evaluation/fold-columns.ts'
import { policySchema } from '../../../../../registry/domain/policy/policy.ts'
import { guardsSchema, guardText, readGuards } from '../../../../../registry/domain/rollout/guards.ts'
import { emptySpread, measureAsset, psiOf, type AssetMeasures, type RolloutMeasures, type ScoredSide } from '../../../../../registry/domain/rollout/measures.ts'

const S = 1_000_000
const policy = (raiseAt: number) => policySchema.parse({
  name: 'p', version: 1, routing: { channels: { low: [], medium: [], high: [], urgent: [] }, acknowledgeWithinSeconds: 1 },
  rules: [{ id: 'anomaly', signal: 'confidence', comparison: 'above', raiseAt, clearAt: raiseAt - 0.1, severity: 'high', recommendedAction: 'Look.' }],
})
const side = (confidences: readonly number[], { ends = confidences.map((_, i) => (i + 1) * S), good = confidences.map(() => 1) }: { ends?: readonly number[]; good?: readonly number[] } = {}): ScoredSide => ({
  columns: { endUs: Float64Array.from(ends), suppressed: new Uint8Array(confidences.length), signals: new Map([['confidence', Float64Array.from(confidences)]]) }, good: Float64Array.from(good),
})
const rules = { policy: policy(0.9), championPolicy: policy(0.9), goodFraction: 0.5 }
const measure = (release: ScoredSide | null, champion: ScoredSide | null, spread = emptySpread()) => measureAsset({ asset: 'm-1', release, champion, falseAlarms: 0 }, rules, spread)

describe('what the guards measure', () => {
  it('alerts of both, windows in which only one is in alarm, poor windows, and windows that were not scored', () => {
    const release = side([0.1, 0.95, 0.95, 0.1, 0.95, 0.1], { good: [1, 1, 0.4, 1, 1, 0.1] })
    const champion = side([0.1, 0.95, 0.1, 0.1, 0.1, 0.1])
    assert.deepEqual(measure(release, champion), { asset: 'm-1', windows: 6, compared: 6, alerts: 2, championAlerts: 1, disagreeing: 2, poor: 2, unscored: 0, falseAlarms: 0 })
    const gappy = side([0.1, 0.2, 0.3], { ends: [1 * S, 2 * S, 6 * S] })
    assert.equal(measure(gappy, champion).unscored, 3)
    assert.equal(measure(side([0.1, 0.1], { ends: [0.5 * S, 5.5 * S] }), champion).unscored, 0, 'another hop has other windows')
    assert.deepEqual(measure(null, champion), { asset: 'm-1', windows: 0, compared: 0, alerts: 0, championAlerts: 1, disagreeing: 0, poor: 0, unscored: 0, falseAlarms: 0 })
  })

  it('agree with themselves: the same scores differ nowhere, and count as many alerts as a back-test folds', () => {
    fc.assert(fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 80 }), (confidences) => {
      const spread = emptySpread()
      const one = side(confidences)
      const measured = measure(one, side(confidences), spread)
      assert.equal(measured.disagreeing, 0)
      assert.equal(measured.compared, confidences.length)
      assert.equal(measured.alerts, measured.championAlerts)
      assert.equal(measured.alerts, foldEpisodes(rules.policy, [{ asset: 'm-1', columns: one.columns }]).length)
      assert.ok((psiOf(spread) as number) < 1e-12)
    }))
  })

  it('a shift of confidences is seen in the index', () => {
    const spread = emptySpread()
    assert.equal(psiOf(spread), null)
    measure(side(Array.from({ length: 200 }, () => 0.95)), side(Array.from({ length: 200 }, (_, i) => i / 200)), spread)
    assert.ok((psiOf(spread) as number) > 1)
  })
})

describe('guards', () => {
  const at = (over: Partial<AssetMeasures>): AssetMeasures => ({ asset: 'm-1', windows: 200, compared: 200, alerts: 0, championAlerts: 0, disagreeing: 0, poor: 0, unscored: 0, falseAlarms: 0, ...over })
  const tripped = (assets: AssetMeasures[], more: { psi?: number; latencyP95Seconds?: number } = {}, guards = guardsSchema.parse({})) =>
    readGuards(guards, { assets, psi: more.psi ?? 0, latencyP95Seconds: more.latencyP95Seconds ?? 1 }).filter((reading) => reading.tripped)

  it('each trips on its own number, names it and the machines with most of it', () => {
    assert.deepEqual(tripped([at({})]), [])
    const [load] = tripped([at({ alerts: 3, championAlerts: 1 }), at({ asset: 'm-2', alerts: 9, championAlerts: 1 })])
    assert.deepEqual([load?.guard, load?.value, load?.limit, load?.assets], ['alertLoad', 12, 7, [{ asset: 'm-2', value: 8 }, { asset: 'm-1', value: 2 }]])
    assert.equal(guardText(load!), 'alert load: it would have raised 12 alerts, at most 7 are allowed (m-2: 8, m-1: 2)')
    assert.deepEqual(tripped([at({ disagreeing: 21 })]).map(({ guard, value }) => [guard, value]), [['disagreement', 21 / 200]])
    assert.deepEqual(tripped([at({ poor: 30, unscored: 20 })]).map(({ guard, value }) => [guard, value]), [['dataQuality', 0.25]])
    assert.deepEqual(tripped([at({ falseAlarms: 1 })]).map(({ guard }) => guard), ['feedback'])
    assert.deepEqual(tripped([at({})], { psi: 0.6, latencyP95Seconds: 61 }).map(({ guard }) => guard), ['scoreShift', 'latency'])
  })

  it('say what they saw as people would, or why they saw nothing', () => {
    const said = (measures: RolloutMeasures) => readGuards(guardsSchema.parse({ alertLoad: { timesChampion: 0, plus: 1 } }), measures).map(guardText)
    assert.deepEqual(said({ assets: [at({ windows: 12, compared: 12, disagreeing: 12, alerts: 1, falseAlarms: 1 })], psi: null, latencyP95Seconds: null }), [
      'alert load: it would have raised 1 alert, at most 1 is allowed (m-1: 1)',
      'disagreement: too few windows yet that both it and the champion scored',
      'score distribution: too few windows yet that both it and the champion scored',
      'data quality: too few windows yet',
      'feedback: 1 of its alerts was called false, at most 0 are allowed (m-1: 1)',
      'latency: nothing has arrived yet',
    ])
  })

  it('of few windows no share is judged, and what is switched off is not looked at', () => {
    assert.deepEqual(tripped([at({ windows: 99, compared: 99, disagreeing: 99, poor: 99 })], { psi: 9 }), [])
    const off = guardsSchema.parse({ alertLoad: null, disagreement: null, scoreShift: null, dataQuality: null, feedback: null, latency: null })
    assert.deepEqual(readGuards(off, { assets: [at({ alerts: 99 })], psi: 9, latencyP95Seconds: 99 }), [])
  })
})
