import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { checkSeries } from '../../../../../registry/domain/checks/check-series.ts'
import type { TagChecks } from '../../../../../registry/domain/checks/limits.ts'
import { qualityCode, qualityLevel, qualityReasonsOf } from '../../../../../registry/domain/contract/quality.ts'
import { checkRun, EARLIEST_US, FUTURE_TOLERANCE_US, type IngestTag } from '../../../../../registry/domain/ingest/check-run.ts'
import { checkWaveform, WAVEFORM_SPAN_US } from '../../../../../registry/domain/ingest/check-waveform.ts'
import type { Run } from '../../../../../registry/domain/ingest/chunk.ts'

const NOW = 1_772_366_400_000_000
const tag = (ranges: IngestTag['ranges'] = []): IngestTag => ({ tagRef: 1, assetRef: 1, kind: 'scalar', ranges })
const runOf = (values: number[], timesUs = values.map((_, i) => NOW - 1000 + i), quality = values.map(() => 0)): Run => ({
  timesUs: Float64Array.from(timesUs), values: Float64Array.from(values), raws: null, quality: Uint16Array.from(quality),
})

describe('checking a run', () => {
  it('hands through what is without fault', () => {
    const run = runOf([1, 2, 3])
    assert.equal(checkRun(run, tag(), NOW).good, run)
  })

  it('sets aside all of an unknown tag or one of the other kind', () => {
    const run = runOf([1, Number.NaN])
    assert.deepEqual(checkRun(run, undefined, NOW).refused.map(({ code, count }) => [code, count]), [['unknown_tag', 2]])
    assert.deepEqual(checkRun(run, { ...tag(), kind: 'waveform' }, NOW).refused.map(({ code, count }) => [code, count]), [['wrong_kind', 2]])
    assert.equal(checkRun(run, undefined, NOW).good.timesUs.length, 0)
    assert.deepEqual(JSON.parse(JSON.stringify(checkRun(run, undefined, NOW).refused[0]?.sample)), [{ sourceUs: NOW - 1000, value: 1 }, { sourceUs: NOW - 999, value: 'NaN' }])
  })

  it('takes a time 5 minutes ahead and no later, from 1990 on and no earlier', () => {
    const times = [0, EARLIEST_US - 1, EARLIEST_US, NOW + FUTURE_TOLERANCE_US, NOW + FUTURE_TOLERANCE_US + 1]
    const { good, refused } = checkRun(runOf([1, 2, 3, 4, 5], times), tag(), NOW)
    assert.deepEqual([...good.values], [3, 4])
    assert.deepEqual(refused.map(({ code, count, firstUs, lastUs }) => [code, count, firstUs, lastUs]), [
      ['implausible_time', 2, 0, EARLIEST_US - 1], ['future_time', 1, NOW + FUTURE_TOLERANCE_US + 1, NOW + FUTURE_TOLERANCE_US + 1],
    ])
  })

  it('wants a bad quality with a value that is no number', () => {
    const quality = [0, 0, qualityCode('uncertain'), qualityCode('bad', ['missing']), 0]
    const { good, refused } = checkRun(runOf([1, Number.NaN, Infinity, Number.NaN, -Infinity], undefined, quality), tag(), NOW)
    assert.deepEqual([...good.values], [1, Number.NaN])
    assert.deepEqual(refused.map(({ code, count }) => [code, count]), [['not_finite', 3]])
  })

  it('marks what is outside the range of its time, without writing to what it was given', () => {
    const run = runOf([-1, 5, 11, Number.NaN, 20], undefined, [0, 0, 0, qualityCode('bad', ['device']), qualityCode('bad', ['device'])])
    const before = run.quality!.slice()
    const { good } = checkRun(run, tag([{ fromUs: -Infinity, toUs: Infinity, low: 0, high: 10 }]), NOW)
    assert.deepEqual([...good.quality!].map((code) => [qualityLevel(code), qualityReasonsOf(code).join()]), [
      ['uncertain', 'range'], ['good', ''], ['uncertain', 'range'], ['bad', 'device'], ['bad', 'device,range'],
    ])
    assert.deepEqual(run.quality, before)
    const later = checkRun(run, tag([{ fromUs: NOW, toUs: Infinity, low: 0, high: 1 }]), NOW).good
    assert.deepEqual(later.quality, before)
  })

  it('holds a run against the checks of its time by the code the edge runs, adding flags and taking none', () => {
    const seconds = [0, 1, 2, 3, 4, 5]
    const run = runOf([1, 2, 50, 50, 50, 50], seconds.map((s) => NOW - 10_000_000 + s * 1_000_000), [0, qualityCode('uncertain', ['clock']), 0, 0, 0, 0])
    const before = run.quality!.slice()
    const checks: TagChecks = { maxRatePerSec: 5, flatlineAfterSeconds: 2, range: { low: 0, high: 40 } }
    const always = { fromUs: -Infinity, toUs: Infinity, checks }
    const { good, refused } = checkRun(run, { ...tag(), checks: [always] }, NOW)
    assert.deepEqual(refused, [])
    assert.deepEqual([...good.quality!].map((code) => `${qualityLevel(code)} ${qualityReasonsOf(code).join()}`), [
      'good ', 'uncertain clock', 'uncertain range,rateOfChange', 'uncertain range', 'uncertain range,flatline', 'uncertain range,flatline',
    ])
    assert.deepEqual(good.quality, checkSeries(run, checks).quality)
    assert.deepEqual(run.quality, before)
    // Checks that begin later say nothing of what was before; a tag whose checks nothing fails gives the very run back.
    const later = checkRun(run, { ...tag(), checks: [{ ...always, fromUs: run.timesUs[5]! }] }, NOW).good
    assert.deepEqual([...later.quality!].map((code) => qualityReasonsOf(code).join()), ['', 'clock', '', '', '', 'range'])
    assert.equal(checkRun(run, { ...tag(), checks: [{ ...always, checks: { maxRatePerSec: 100 } }] }, NOW).good, run)
  })

  it('accounts for every row', () => {
    const times = fc.array(fc.constantFrom(0, EARLIEST_US, NOW, NOW + FUTURE_TOLERANCE_US + 5), { minLength: 1, maxLength: 20 })
    fc.assert(fc.property(times, fc.infiniteStream(fc.constantFrom(1, Number.NaN)), (list, values) => {
      const sorted = list.sort((a, b) => a - b)
      const { good, refused } = checkRun(runOf(sorted.map(() => values.next().value as number), sorted), tag(), NOW)
      assert.equal(good.timesUs.length + refused.reduce((sum, { count }) => sum + count, 0), list.length)
    }))
  })
})

describe('checking a waveform', () => {
  const wave = { tag: 'p/w', startUs: NOW, intervalUs: 10, gatewayUs: NOW, scale: 1, offset: 0, quality: 0, samples: Float32Array.of(1, 2) }
  const known: IngestTag = { ...tag(), kind: 'waveform' }

  it('names the fault', () => {
    assert.equal(checkWaveform(wave, known, NOW), null)
    assert.equal(checkWaveform(wave, undefined, NOW), 'unknown_tag')
    assert.equal(checkWaveform(wave, tag(), NOW), 'wrong_kind')
    assert.equal(checkWaveform({ ...wave, intervalUs: WAVEFORM_SPAN_US }, known, NOW), 'too_long')
    assert.equal(checkWaveform({ ...wave, startUs: 5 }, known, NOW), 'implausible_time')
    assert.equal(checkWaveform({ ...wave, startUs: NOW + FUTURE_TOLERANCE_US - 10 }, known, NOW), 'future_time')
    assert.equal(checkWaveform({ ...wave, samples: Float32Array.of(1, Number.NaN) }, known, NOW), 'not_finite')
    assert.equal(checkWaveform({ ...wave, quality: qualityCode('bad'), samples: Float32Array.of(1, Number.NaN) }, known, NOW), null)
  })
})
