import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { BUNDLE_SPAN_US, cutChunk, joinChunks, LEAST_ROWS, planBundles, type Bundle } from '../../../../../registry/domain/ingest/bundle.ts'
import type { Run, StoredChunk } from '../../../../../registry/domain/ingest/chunk.ts'
import { mergeChunks } from '../../../../../registry/domain/ingest/merge.ts'
import { CHUNK_READINGS, compactRun, cutRun } from '../../../../../registry/domain/ingest/runs.ts'
import { settleRun } from '../../../../../registry/domain/ingest/settle-run.ts'

const run = (times: readonly number[], value: (i: number) => number = (i) => i): Run =>
  ({ timesUs: Float64Array.from(times), values: Float64Array.from(times, (_, i) => value(i)), raws: null, quality: null })

/** Readings as some gateway ships them: few times, so that batches repeat, revise and interleave. */
const batchArbitrary = fc.record({
  times: fc.tuple(fc.integer({ min: 0, max: 200 }), fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 8 }))
    .map(([first, times]) => times.sort((a, b) => a - b).map((time) => first + time)),
  values: fc.array(fc.constantFrom(0, -0, 1.5, NaN, Infinity, 7), { minLength: 8, maxLength: 8 }),
  raws: fc.option(fc.array(fc.constantFrom(0, 1.5, NaN), { minLength: 8, maxLength: 8 })),
  quality: fc.option(fc.array(fc.constantFrom(0, 1, 65_535), { minLength: 8, maxLength: 8 })),
})

/** What ingest stores of batches that arrive one after the other. */
function ingest(batches: readonly (typeof batchArbitrary extends fc.Arbitrary<infer T> ? T : never)[]): StoredChunk[] {
  const stored: StoredChunk[] = []
  for (const [i, { times, values, raws, quality }] of batches.entries()) {
    const n = times.length
    const incoming: Run = {
      timesUs: Float64Array.from(times), values: Float64Array.from(values.slice(0, n)),
      raws: raws && Float64Array.from(raws.slice(0, n)), quality: quality && Uint16Array.from(quality.slice(0, n)),
    }
    for (const part of settleRun(incoming, stored).parts) {
      for (const piece of cutRun(part.run)) {
        stored.push({ tagRef: 1, batchId: 100 + i, commitNumber: i + 1, receivedUs: 1000 * i, revision: part.revision, ...compactRun(piece) })
      }
    }
  }
  return stored
}

interface Row { startUs: number; endUs: number; n: number; chunks: StoredChunk[] }
const rowOf = (chunks: StoredChunk[]): Row => ({
  chunks, startUs: chunks[0]!.timesUs[0]!, endUs: chunks.at(-1)!.timesUs.at(-1)!, n: chunks.reduce((sum, { timesUs }) => sum + timesUs.length, 0),
})

/** Puts rows into bundles and takes the chunks out again, as a reader gets them. */
function compact(rows: readonly Row[]): { rows: Row[]; bundles: Bundle[] } {
  const planned = planBundles(rows)
  const bundles = planned.map((group) => joinChunks(group.flatMap(({ chunks }) => chunks)))
  const made = bundles.map((bundle, i): Row => {
    let skip = 0
    const facts = new Map(planned[i]!.flatMap(({ chunks }) => chunks).map((chunk) => [`${chunk.batchId} ${chunk.timesUs[0]}`, chunk]))
    return rowOf(bundle.parts.map((part) => {
      const { tagRef, batchId, commitNumber, receivedUs, revision } = facts.get(`${part.batchId} ${part.startUs}`)!
      const chunk = { tagRef, batchId, commitNumber, receivedUs, revision, ...cutChunk(bundle, skip, part.n) }
      skip += part.n
      return chunk
    }))
  })
  return { bundles, rows: [...rows.filter((row) => !planned.some((group) => group.includes(row))), ...made] }
}

const byPlace = (a: StoredChunk, b: StoredChunk) => a.timesUs[0]! - b.timesUs[0]! || a.revision - b.revision || a.batchId - b.batchId

describe('bundles', () => {
  it('give back the very chunks, so that every as-of read is the same', () => {
    let bundled = 0
    fc.assert(fc.property(fc.array(batchArbitrary, { minLength: 1, maxLength: 24 }), fc.integer({ min: 0, max: 200 }), fc.integer({ min: 1, max: 200 }), (batches, from, length) => {
      const chunks = ingest(batches)
      const first = chunks.filter(({ revision }) => revision === 0)
      const half = Math.ceil(first.length / 2)
      // In two rounds, as an hour fills up: the second puts bundles into bundles.
      const once = compact(first.slice(0, half).map((chunk) => rowOf([chunk])))
      const twice = compact([...once.rows, ...first.slice(half).map((chunk) => rowOf([chunk]))])
      bundled += twice.bundles.length
      const after = [...twice.rows.flatMap((row) => row.chunks), ...chunks.filter(({ revision }) => revision > 0)]
      assert.deepEqual([...after].sort(byPlace), [...chunks].sort(byPlace))
      for (let asOf = 0; asOf <= batches.length; asOf++) {
        const span = { fromUs: from, toUs: from + length }
        assert.deepEqual(mergeChunks(after, span, asOf), mergeChunks(chunks, span, asOf))
      }
      assert.ok(twice.rows.length <= once.rows.length + first.length - half)
    }), { numRuns: 300 })
    assert.ok(bundled > 100, `only ${bundled} bundles were made`)
  })

  it('hold parts in time order that never overlap, and no more than a chunk may', () => {
    fc.assert(fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 5000 }), fc.integer({ min: 0, max: 40 }), fc.integer({ min: 1, max: 4000 })), { maxLength: 60 }), (drafts) => {
      const rows = drafts.map(([startUs, length, n]) => ({ startUs, endUs: startUs + length, n }))
      const groups = planBundles(rows)
      assert.equal(new Set(groups.flat()).size, groups.flat().length)
      for (const group of groups) {
        assert.ok(group.length >= LEAST_ROWS)
        assert.ok(group.reduce((sum, { n }) => sum + n, 0) <= CHUNK_READINGS)
        group.forEach((row, i) => { assert.ok(i === 0 || row.startUs > group[i - 1]!.endUs) })
      }
    }))
  })

  it('take in thousands of single readings, and two sources that interleave', () => {
    const singles = Array.from({ length: 3600 }, (_, i) => ({ startUs: i * 1e6, endUs: i * 1e6, n: 1 }))
    assert.deepEqual(planBundles(singles).map((group) => group.length), [3600])
    const two = Array.from({ length: 100 }, (_, i) => ({ startUs: i * 10, endUs: i * 10 + 15, n: 2 }))
    assert.deepEqual(planBundles(two).map((group) => group.length), [50, 50])
    assert.deepEqual(planBundles(singles.slice(0, LEAST_ROWS - 1)), [], 'a few rows stay as they are')
    assert.equal(BUNDLE_SPAN_US, 3_600_000_000)
  })

  it('refuse chunks that overlap', () => {
    assert.throws(() => joinChunks([{ ...run([1, 5]), batchId: 1 }, { ...run([5, 6]), batchId: 2 }]), /overlap at 5/)
  })
})
