import assert from 'node:assert/strict'
import { test } from 'node:test'
import { judgedWindowExample, type JudgedWindow } from '../../../../../registry/domain/contract/judged-window.ts'
import { compareJudged, type PlatformWindow } from '../../../../../registry/domain/replay/compare-judged.ts'

const judged: JudgedWindow = { ...judgedWindowExample, score: 2, confidence: 0.99, fired: 'odd' }
const platform: PlatformWindow = { releaseDigest: judged.release.digest, score: 2, confidence: 0.99, fired: 'odd', decided: true }
const equivalent = { ...judged, replay: 'equivalent' as const, tolerance: { relative: 1e-3, absolute: 1e-9 } }

test('a window that the platform has not come to waits; one that it has passed without a score is absent', () => {
  assert.deepEqual(compareJudged(judged, undefined, null), { verdict: 'waits' })
  assert.deepEqual(compareJudged(judged, undefined, judged.endUs - 1), { verdict: 'waits' })
  assert.deepEqual(compareJudged(judged, undefined, judged.endUs), { verdict: 'absent' })
})

test('another release is not compared', () => {
  assert.deepEqual(compareJudged(judged, { ...platform, releaseDigest: 'other', score: 9 }, judged.endUs), { verdict: 'other_release' })
})

test('exact means to the bit, equivalent within the tolerance; a figure that one side lacks differs', () => {
  assert.deepEqual(compareJudged(judged, platform, null), { verdict: 'agreeing', relative: 0 })
  const close = { ...platform, score: 2.001 }
  const differing = compareJudged(judged, close, null)
  assert.deepEqual(differing.verdict === 'differing' && differing.difference, { windowEndUs: judged.endUs, what: 'score', gateway: 2, platform: 2.001 })
  const agreeing = compareJudged(equivalent, close, null)
  assert.ok(agreeing.verdict === 'agreeing' && Math.abs(agreeing.relative - 0.0005) < 1e-6)
  assert.equal(compareJudged(equivalent, { ...platform, score: 2.01 }, null).verdict, 'differing')
  assert.equal(compareJudged({ ...judged, score: null }, platform, null).verdict, 'differing')
  assert.equal(compareJudged({ ...judged, score: null, confidence: null }, { ...platform, score: null, confidence: null }, null).verdict, 'agreeing')
})

test('decisions are compared where both decided', () => {
  const other = compareJudged(judged, { ...platform, fired: null }, null)
  assert.deepEqual(other.verdict === 'differing' && other.difference.what, 'fired')
  assert.equal(compareJudged(judged, { ...platform, fired: null, decided: false }, null).verdict, 'agreeing', 'out of service by plan, or in the backfill lane')
  assert.equal(compareJudged({ ...judged, decided: false }, { ...platform, fired: null }, null).verdict, 'agreeing')
})
