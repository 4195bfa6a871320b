import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { createAssetJudge, type LocalScore } from '../../../../edge/judge/asset-judge.ts'
import type { TagReadings } from '../../../../edge/judge/recent-readings.ts'
import { openBundle } from '../../../../registry/domain/bundle/open.ts'
import { BAD } from '../../../../registry/domain/contract/quality.ts'
import { computeFeatures } from '../../../../registry/domain/features/compute.ts'
import { featureSetSchema } from '../../../../registry/domain/features/feature-set.ts'
import type { DecisionState } from '../../../../registry/domain/policy/decide.ts'
import { createCalibrator } from '../../../../registry/domain/scoring/calibration.ts'
import { decideWindow } from '../../../../registry/domain/windows/decide-window.ts'
import { bundleFeatureSet, makeBundle, newSigner, type BundleParts } from '../../../helpers/bundles.ts'
import { effort } from '../../../helpers/effort.ts'

const S = 1_000_000
const T0 = 1_772_366_400 * S
const signer = newSigner()
const opened = (parts: BundleParts = {}) => openBundle(makeBundle(signer, parts), () => 'good')
const judgeOf = (parts: BundleParts = {}, state?: Parameters<typeof createAssetJudge>[0]['state']) =>
  createAssetJudge({ bundle: opened(parts), asset: 'pump-1', node: process.version, ...(state && { state }) })
const readings = (tag: string, from: number, to: number, value: (second: number) => number): TagReadings => {
  const seconds = Array.from({ length: to - from }, (_, i) => from + i)
  return { tag: `pump-1/${tag}`, timesUs: Float64Array.from(seconds, (s) => T0 + s * S), values: Float64Array.from(seconds, value), quality: null }
}
const temp = (second: number) => 20 + Math.sin(second * 1.7) + (second > 200 && second < 330 ? 9 : 0)
const flow = (second: number) => 20 + Math.cos(second * 0.9)
const figures = (scores: readonly LocalScore[]) => scores.map(({ window, features, score, confidence, decision }) => ({ window, features: [...features], score, confidence, decision }))

/** The same from the definitions alone: every window of all readings at once, in order. */
function reference(temps: TagReadings, flows: TagReadings, from: number, to: number) {
  const { manifest, model } = opened()
  const set = featureSetSchema.parse(bundleFeatureSet)
  const names = set.features.map(({ name }) => name)
  const calibrate = createCalibrator(manifest.calibration.state)
  const series = ({ timesUs, values }: TagReadings) => ({ timesUs, values, qualities: new Uint16Array(values.length) })
  let state: DecisionState | null = null
  return Array.from({ length: Math.floor((to - from) / 30) - 1 }, (_, i) => {
    const endUs = T0 + (from + 60 + i * 30) * S
    const values = computeFeatures(set, { startUs: endUs - 60 * S, endUs, scalars: new Map([['temp', series(temps)], ['flow', series(flows)]]), waveforms: new Map() }).values
    const score = model.scoreRows(values, 1).scores[0] as number
    const { confidence } = calibrate(score)
    const folded = decideWindow(manifest.policy.definition, names, state, { endUs, values, score, confidence })
    state = folded.state
    return { window: { startUs: endUs - 60 * S, endUs }, features: [...values], score, confidence, decision: folded.decision }
  })
}

describe('a machine judged at the edge', () => {
  const temps = readings('temp', 0, 600, temp)
  const flows = readings('flow', 0, 600, flow)
  const expected = reference(temps, flows, 0, 600)

  it('gets what the definitions say of every window, with the release that said it', () => {
    const judge = judgeOf()
    judge.take([temps, flows])
    const scores = judge.closeThrough(T0 + 600 * S)
    assert.deepEqual(figures(scores), expected)
    assert.ok(scores.some(({ decision }) => decision?.severity === 'high') && scores.some(({ decision }) => decision?.severity === null))
    const [first] = scores
    assert.deepEqual([first?.release.id, first?.bundle.issue, first?.replay], ['small-r1', 1, { class: 'exact' }])
    assert.deepEqual(judge.closeThrough(T0 + 600 * S), [])
  })

  it('gets the same however singly, late, doubled and out of order its readings came before their windows closed', () => {
    fc.assert(fc.property(fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })), (randoms) => {
      const random = () => randoms.next().value as number
      const judge = judgeOf()
      const pieces: { at: number; part: TagReadings }[] = []
      for (const whole of [temps, flows]) {
        for (let from = 0; from < 600;) {
          const to = Math.min(600, from + 1 + Math.floor(random() * 40))
          const part = { ...whole, timesUs: whole.timesUs.slice(from, to), values: whole.values.slice(from, to) }
          // A gateway hands over late by up to twenty seconds, and now and then twice.
          pieces.push({ at: to + random() * 20, part })
          if (random() < 0.1) pieces.push({ at: to + random() * 20, part })
          from = to
        }
      }
      pieces.sort((a, b) => a.at - b.at)
      const scores: LocalScore[] = []
      for (const { at, part } of pieces) {
        judge.take([part])
        scores.push(...judge.closeThrough(T0 + (at - 60) * S))
      }
      scores.push(...judge.closeThrough(T0 + 600 * S))
      assert.deepEqual(figures(scores), expected)
    }), { numRuns: effort(40) })
  })

  it('is judged by what a tag is to it at the time, and by newer readings of a time', () => {
    const tag = { asset: 'pump-1', kind: 'scalar' as const }
    const judge = judgeOf({ tags: [
      { ...tag, tag: 'pump-1/flow', role: 'flow', fromUs: null, toUs: null },
      { ...tag, tag: 'pump-1/temp', role: 'temp', fromUs: null, toUs: T0 + 300 * S }, { ...tag, tag: 'pump-1/temp-b', role: 'temp', fromUs: T0 + 300 * S, toUs: null },
    ] })
    judge.take([readings('temp', 0, 600, (second) => (second < 300 ? 99 : 5)), readings('temp-b', 0, 600, (second) => (second < 300 ? 5 : temp(second))), flows])
    judge.take([readings('temp', 0, 300, temp)])
    assert.deepEqual(figures(judge.closeThrough(T0 + 600 * S)), expected)
  })

  it('goes on after a restart with the next whole window, rules standing where they stood', () => {
    const before = judgeOf()
    before.take([readings('temp', 0, 300, temp), readings('flow', 0, 300, flow)])
    before.closeThrough(T0 + 300 * S)
    const state = JSON.parse(JSON.stringify(before.state())) as ReturnType<typeof before.state>
    const after = judgeOf({ issue: 2 }, state)
    after.take([readings('temp', 310, 600, temp), readings('flow', 310, 600, flow)])
    const scores = after.closeThrough(T0 + 600 * S)
    assert.equal(scores[0]?.window.startUs, T0 + 330 * S)
    assert.deepEqual(scores.map(({ score }) => score), expected.filter(({ window }) => window.startUs >= T0 + 330 * S).map(({ score }) => score))
    assert.equal(state.rules?.lastWindowEndUs, T0 + 300 * S)
    // The alarm was on before the restart; the first window after it ends it.
    assert.equal(scores[0]?.decision?.rules[0]?.transition, 'cleared')
  })

  it('says nothing of windows with too few good readings, and passes over gaps', () => {
    const judge = judgeOf()
    const bad = (part: TagReadings): TagReadings => ({ ...part, quality: new Uint16Array(part.values.length).fill(BAD) })
    judge.take([readings('temp', 0, 120, temp), readings('flow', 0, 120, flow), bad(readings('temp', 120, 300, temp)), bad(readings('flow', 120, 300, flow))])
    judge.take([readings('temp', 100_000, 100_090, temp), readings('flow', 100_000, 100_090, flow)])
    assert.deepEqual(judge.closeThrough(T0 + 100_080 * S).map(({ window }) => (window.endUs - T0) / S), [60, 90, 120, 150, 100_020, 100_050, 100_080])
  })

  it('says how nearly the platform agrees: to the bit by the same Node, else within the tolerance', () => {
    assert.deepEqual(createAssetJudge({ bundle: opened({ node: 'v0.0.0' }), asset: 'pump-1', node: process.version }).closeThrough(0), [])
    const judge = judgeOf({ node: 'v0.0.0' })
    judge.take([temps, flows])
    assert.deepEqual(judge.closeThrough(T0 + 60 * S)[0]?.replay, { class: 'equivalent', tolerance: { relative: 1e-3, absolute: 1e-9 } })
  })

  it('refuses tags it does not look at, and machines its bundle does not judge', () => {
    assert.throws(() => { judgeOf().take([readings('oil', 0, 5, () => 1)]) }, { code: 'invalid', message: /pump-1\/oil/ })
    assert.throws(() => createAssetJudge({ bundle: opened(), asset: 'pump-2', node: process.version }), { code: 'not_found' })
  })
})
