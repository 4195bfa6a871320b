import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { computeFeatures } from '../../../../../registry/domain/features/compute.ts'
import { featureSetSchema } from '../../../../../registry/domain/features/feature-set.ts'
import type { StoredChunk, StoredWaveform } from '../../../../../registry/domain/ingest/chunk.ts'
import { assembleWindow, knownWithin, nextReadingUs, type KnownReadings, type RoleTag } from '../../../../../registry/domain/windows/window-readings.ts'

const tag = (tagRef: number, role: string, given: Partial<RoleTag> = {}): RoleTag =>
  ({ tagRef, tagKey: `p/${tagRef}`, role, kind: 'scalar', fromUs: -Infinity, toUs: Infinity, ...given })
const chunk = (tagRef: number, timesUs: number[], values: number[], given: Partial<StoredChunk> = {}): StoredChunk => ({
  tagRef, timesUs: Float64Array.from(timesUs), values: Float64Array.from(values), raws: null, quality: null, revision: 0, batchId: 1, commitNumber: 1,
  receivedUs: 1000, ...given,
})
const known = (chunks: StoredChunk[], waveforms: StoredWaveform[] = []): KnownReadings => ({
  chunks: new Map([...new Set(chunks.map((c) => c.tagRef))].map((ref) => [ref, chunks.filter((c) => c.tagRef === ref)])),
  waveforms: new Map([...new Set(waveforms.map((w) => w.tagRef))].map((ref) => [ref, waveforms.filter((w) => w.tagRef === ref)])),
})

test('a window holds the readings of its roles in [start, end), as far as they were known', () => {
  const readings = known([chunk(1, [0, 5, 10], [1, 2, 3]), chunk(1, [7], [9], { commitNumber: 2, receivedUs: 2000 })])
  const early = assembleWindow([tag(1, 'a')], readings, 1, 0, 10)
  assert.deepEqual([...early.input.scalars.get('a')!.values], [1, 2])
  assert.deepEqual([early.sourceUs, early.ingestUs], [5, 1000])
  const later = assembleWindow([tag(1, 'a')], readings, 2, 0, 10)
  assert.deepEqual([...later.input.scalars.get('a')!.values], [1, 2, 9])
  assert.deepEqual([later.sourceUs, later.ingestUs], [7, 2000])
  assert.equal(assembleWindow([tag(1, 'a')], readings, 2, 20, 30).sourceUs, -Infinity)
})

test('a sensor that was swapped counts only while it stood in the role', () => {
  const readings = known([chunk(1, [0, 4, 8], [1, 1, 1]), chunk(2, [0, 4, 8], [2, 2, 2])])
  const { input } = assembleWindow([tag(1, 'a', { toUs: 5 }), tag(2, 'a', { fromUs: 5 })], readings, 1, 0, 10)
  assert.deepEqual([...input.scalars.get('a')!.timesUs], [0, 4, 8])
  assert.deepEqual([...input.scalars.get('a')!.values], [1, 1, 2])
})

test('a waveform comes in the canonical unit, in its newest known revision, into every window it reaches', () => {
  const wave = (given: Partial<StoredWaveform>): StoredWaveform => ({
    tagRef: 1, startUs: 0, intervalUs: 2, scale: 2, offset: 1, quality: 0, samples: Float32Array.from([1, 2, 3, 4]), revision: 0, batchId: 1, commitNumber: 1,
    receivedUs: 1, ...given,
  })
  const readings = known([], [wave({}), wave({ revision: 1, commitNumber: 2, samples: Float32Array.from([5, 5, 5, 5]) })])
  const tags = [tag(1, 'a', { kind: 'waveform' })]
  assert.deepEqual([...assembleWindow(tags, readings, 1, 4, 8).input.waveforms.get('a')![0]!.samples], [3, 5, 7, 9])
  assert.deepEqual([...assembleWindow(tags, readings, 2, 4, 8).input.waveforms.get('a')![0]!.samples], [11, 11, 11, 11])
  assert.equal(assembleWindow(tags, readings, 2, 8, 12).input.waveforms.size, 0)
  assert.equal(nextReadingUs(tags, readings, 1, 5), 5)
  assert.equal(nextReadingUs(tags, readings, 1, 8), undefined)
})

test('features are the same to the bit however the readings were cut into chunks', () => {
  const set = featureSetSchema.parse({
    name: 'f', version: 1, windowUs: 100, hopUs: 100, features: ['mean', 'rms', 'std', 'skewness', 'kurtosis', 'min', 'max', 'last', 'slope', 'count']
      .map((kind) => ({ name: kind, role: 'a', kind })),
  })
  fc.assert(fc.property(
    fc.uniqueArray(fc.tuple(fc.nat(120), fc.double({ min: -1e3, max: 1e3, noNaN: true })), { minLength: 1, maxLength: 60, selector: ([t]) => t }),
    fc.array(fc.nat(59), { maxLength: 8 }), fc.infiniteStream(fc.nat(1000)),
    (readings, cuts, order) => {
      const sorted = [...readings].sort((a, b) => a[0] - b[0])
      const at = [...new Set([0, ...cuts.filter((c) => c < sorted.length), sorted.length])].sort((a, b) => a - b)
      const pieces = at.slice(1).map((to, i) => sorted.slice(at[i], to)).filter((piece) => piece.length > 0)
        .map((piece) => ({ key: order.next().value as number, chunk: chunk(1, piece.map(([t]) => t), piece.map(([, v]) => v)) }))
        .sort((a, b) => a.key - b.key).map((piece) => piece.chunk)
      const whole = chunk(1, sorted.map(([t]) => t), sorted.map(([, v]) => v))
      const [a, b] = [pieces, [whole]].map((chunks) => computeFeatures(set, assembleWindow([tag(1, 'a')], known(chunks), 1, 10, 110).input))
      assert.deepEqual(a, b)
    }))
})

test('the next reading is the first known one at or after an instant', () => {
  fc.assert(fc.property(
    fc.array(fc.record({ ref: fc.integer({ min: 1, max: 3 }), commit: fc.integer({ min: 1, max: 3 }), times: fc.array(fc.nat(100), { minLength: 1, maxLength: 5 }) }), { maxLength: 6 }),
    fc.nat(110), fc.integer({ min: 1, max: 3 }),
    (parts, from, asOf) => {
      const chunks = parts.map(({ ref, commit, times }) => chunk(ref, [...times].sort((x, y) => x - y), times, { commitNumber: commit }))
      const times = parts.filter(({ commit }) => commit <= asOf).flatMap((p) => p.times).filter((t) => t >= from).sort((x, y) => x - y)
      assert.equal(nextReadingUs([1, 2, 3].map((ref) => tag(ref, 'a')), known(chunks), asOf, from), times[0])
    }))
})

test('what lies near an interval is all that its windows need', () => {
  const chunks = fc.array(fc.record({
    times: fc.uniqueArray(fc.nat(200), { minLength: 1, maxLength: 8 }), revision: fc.nat(2), commitNumber: fc.integer({ min: 1, max: 3 }),
  }), { maxLength: 12 })
  fc.assert(fc.property(chunks, fc.nat(150), fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 3 }), (given, fromUs, length, asOf) => {
    const all = known(given.map(({ times, ...facts }) => {
      const sorted = [...times].sort((a, b) => a - b)
      return chunk(1, sorted, sorted.map((t) => t + facts.revision / 10), facts)
    }))
    const near = knownWithin([tag(1, 'a')], all, fromUs, fromUs + length)
    assert.deepEqual(assembleWindow([tag(1, 'a')], near, asOf, fromUs, fromUs + length), assembleWindow([tag(1, 'a')], all, asOf, fromUs, fromUs + length))
    const next = nextReadingUs([tag(1, 'a')], all, asOf, fromUs)
    if (next !== undefined && next < fromUs + length) assert.equal(nextReadingUs([tag(1, 'a')], near, asOf, fromUs), next)
  }))
})
