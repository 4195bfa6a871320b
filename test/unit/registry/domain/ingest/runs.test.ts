import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Run } from '../../../../../registry/domain/ingest/chunk.ts'
import { CHUNK_READINGS, compactRun, cutRun, evenSpacing, gatherRun, lowerBound, sliceRun } from '../../../../../registry/domain/ingest/runs.ts'

const DAY = 86_400_000_000
const runAt = (times: readonly number[]): Run => {
  const timesUs = Float64Array.from(times)
  return { timesUs, values: timesUs.map((_, i) => i), raws: null, quality: null }
}

describe('runs', () => {
  it('are cut at midnights and at the largest size, never between readings of one time, and lose nothing', () => {
    const steps = fc.array(fc.constantFrom(0, 0, 1, 1000, DAY / 3, 2 * DAY), { minLength: 1, maxLength: 40 })
    fc.assert(fc.property(steps, fc.integer({ min: -3 * DAY, max: 3 * DAY }), (list, start) => {
      let time = start
      const run = runAt(list.map((step) => (time += step)))
      const pieces = cutRun(run)
      assert.deepEqual(pieces.flatMap(({ values }) => [...values]), [...run.values])
      for (const { timesUs } of pieces) assert.equal(Math.floor(timesUs[0]! / DAY), Math.floor(timesUs.at(-1)! / DAY))
      for (let i = 1; i < pieces.length; i++) assert.notEqual(pieces[i]!.timesUs[0], pieces[i - 1]!.timesUs.at(-1))
    }))
  })

  it('are cut at the largest size', () => {
    const pieces = cutRun(runAt(Array.from({ length: 20_000 }, (_, i) => i)))
    assert.deepEqual(pieces.map(({ timesUs }) => timesUs.length), [CHUNK_READINGS, CHUNK_READINGS, 20_000 - 2 * CHUNK_READINGS])
    const tied = cutRun(runAt(Array.from({ length: 20_000 }, (_, i) => Math.floor(i / 5) * 10)))
    assert.ok(tied.every(({ timesUs }) => timesUs.length <= CHUNK_READINGS && timesUs.length % 5 === 0))
    assert.deepEqual(cutRun(runAt(new Array<number>(9000).fill(7))).map(({ timesUs }) => timesUs.length), [9000])
    assert.deepEqual(cutRun(runAt([])), [])
  })

  it('know their spacing', () => {
    assert.equal(evenSpacing(Float64Array.of(5)), 0)
    assert.equal(evenSpacing(Float64Array.of(5, 15, 25)), 10)
    assert.equal(evenSpacing(Float64Array.of(5, 5, 5)), 0)
    assert.equal(evenSpacing(Float64Array.of(5, 15, 26)), null)
  })

  it('drop columns that say nothing, and only those', () => {
    const base = runAt([1, 2])
    const compact = compactRun({ ...base, raws: base.values.slice(), quality: new Uint16Array(2) })
    assert.equal(compact.raws, null)
    assert.equal(compact.quality, null)
    const raws = Float64Array.of(0, 9)
    const quality = Uint16Array.of(0, 1)
    assert.deepEqual(compactRun({ ...base, raws, quality }), { ...base, raws, quality })
    const nan = Float64Array.of(Number.NaN, 1)
    assert.equal(compactRun({ ...base, values: nan, raws: nan.slice() }).raws, null)
  })

  it('are found, sliced and gathered by index', () => {
    const run = { ...runAt([1, 3, 3, 5]), raws: Float64Array.of(9, 8, 7, 6), quality: Uint16Array.of(1, 2, 3, 4) }
    assert.deepEqual([0, 1, 2, 3, 4, 6].map((time) => lowerBound(run.timesUs, time)), [0, 0, 1, 1, 3, 4])
    assert.equal(sliceRun(run, 0, 4), run)
    assert.deepEqual([...sliceRun(run, 1, 3).raws!], [8, 7])
    assert.deepEqual([...gatherRun(run, [0, 3]).quality!], [1, 4])
  })
})
