import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createAssetJudge } from '../../../../edge/judge/asset-judge.ts'
import { createBoxJudge } from '../../../../edge/judge/box-judge.ts'
import { alarmChanges, alarmsMissing } from '../../../../edge/judge/judged-alarms.ts'
import { openBundle } from '../../../../registry/domain/bundle/open.ts'
import { bundleFeatureSet, makeBundle, newSigner, type BundleParts } from '../../../helpers/bundles.ts'

const S = 1_000_000
const signer = newSigner()
const bundleOf = (parts: BundleParts = {}) => openBundle(makeBundle(signer, parts), () => 'good')
/** A minute of both tags each 200 ms from a second on; `odd`: far from all the model knows. */
const minute = (fromS: number, odd: boolean) => ['pump-1/temp', 'pump-1/flow'].map((tag) => {
  const timesUs = Float64Array.from({ length: 300 }, (_, i) => fromS * S + i * 200_000)
  return { tag, timesUs, values: timesUs.map((us) => (odd ? 500 : 20) + Math.sin(us / 1e6)), quality: null }
})

test('an alarm begins with the window that raises its rule and ends with the one that clears it', () => {
  const bundle = bundleOf()
  const judge = createAssetJudge({ bundle, asset: 'pump-1', node: process.version })
  const changes = [false, true, true, false, false].flatMap((odd, i) => {
    judge.take(minute(60 * i, odd))
    return judge.closeThrough(60 * (i + 1) * S).flatMap((score) => alarmChanges(bundle, score))
  })
  assert.deepEqual(changes.map(({ kind, sinceUs }) => [kind, sinceUs / S]), [['raise', 90], ['clear', 240]])
  const [raise] = changes
  assert.ok(raise?.kind === 'raise')
  assert.deepEqual([raise.rule.asset, raise.rule.name, raise.rule.severity], ['pump-1', 'anomaly', 'high'])
  assert.match(raise.rule.message, /^confidence above 0\.99, judged by small-r1$/)
  assert.deepEqual([raise.judgement.window, raise.judgement.release.id, raise.judgement.bundle.digest], [{ startUs: 30 * S, endUs: 90 * S }, 'small-r1', bundle.digest])
})

test('what a power cut took of the book is made good from where the rules stand', () => {
  const bundle = bundleOf()
  const judge = createAssetJudge({ bundle, asset: 'pump-1', node: process.version })
  for (const [i, odd] of [false, true].entries()) {
    judge.take(minute(60 * i, odd))
    judge.closeThrough(60 * (i + 1) * S)
  }
  const { rules } = judge.state()
  const [raise, ...none] = alarmsMissing(bundle, 'pump-1', rules, [])
  assert.deepEqual([raise?.kind, raise && raise.sinceUs / S, none], ['raise', 90, []])
  assert.deepEqual(alarmsMissing(bundle, 'pump-1', rules, ['anomaly']), [], 'it stands')
  assert.deepEqual(alarmsMissing(bundle, 'pump-1', null, ['anomaly']).map(({ kind }) => kind), ['clear'], 'nothing decided: nothing stands')
  assert.deepEqual(alarmsMissing(bundle, 'pump-1', rules, ['anomaly', 'gone']).map((change) => [change.kind, change.kind === 'clear' && change.rule]), [['clear', 'gone']])
})

test('another release goes on where the former one stopped: no window is missed, and its rules go on', () => {
  const judge = createBoxJudge(process.version)
  const [first, second] = [bundleOf(), bundleOf({ issue: 2 })]
  judge.load(new Map([['pump-1', first]]))
  const ends: [number, number][] = []
  for (let i = 0; i < 6; i++) {
    if (i === 3) judge.load(new Map([['pump-1', second]]))
    for (const { window, bundle } of judge.judge({ readings: minute(60 * i, i > 1), waveforms: [], completeThroughUs: 60 * (i + 1) * S })) ends.push([window.endUs / S, bundle.issue])
  }
  const hopS = bundleFeatureSet.hopUs / S
  assert.deepEqual(ends.map(([end]) => end), Array.from({ length: ends.length }, (_, i) => 60 + i * hopS))
  assert.deepEqual([...new Set(ends.map(([, issue]) => issue))], [1, 2])
  assert.equal(judge.rules('pump-1')?.rules['anomaly']?.phase, 'active')
  assert.equal(judge.rules('pump-1')?.rules['anomaly']?.raisedUs, 150 * S, 'since the former one raised it')

  const again = createBoxJudge(process.version, JSON.parse(JSON.stringify(judge.state())) as ReturnType<typeof judge.state>)
  again.load(new Map([['pump-1', second]]))
  assert.equal(again.rules('pump-1')?.rules['anomaly']?.phase, 'active', 'over a restart')
  const after = again.judge({ readings: minute(390, true), waveforms: [], completeThroughUs: 450 * S })
  assert.deepEqual(after.map(({ window }) => window.endUs / S), [450], 'with the first whole window')
  judge.load(new Map())
  assert.deepEqual([judge.tags().size, judge.rules('pump-1')], [0, null])
})
