import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  datasetDigest, readDataset, readReference, valuesOfPart, writeDataset, type DatasetFacts, type DatasetRows,
} from '../../../../registry/artifacts/dataset.ts'
import { readParquet, writeParquet } from '../../../../registry/artifacts/parquet.ts'
import { createMemoryObjectStore } from '../../../helpers/memory-object-store.ts'

const facts: DatasetFacts = {
  site: 'plant-1', family: 'pumps', featureSet: { name: 'condition', version: 1, digest: 'a'.repeat(64) }, assets: ['pump-1'],
  fromUs: 0, toUs: 1000, commitNumber: 3, labelVersion: 'b'.repeat(64), failures: [{ asset: 'pump-1', atUs: 10 }],
}

function rowsOf(values: Float64Array, width: number): DatasetRows {
  const n = values.length / width
  const numbers = (f: (i: number) => number) => Float64Array.from({ length: n }, (_, i) => f(i))
  return {
    features: Array.from({ length: width }, (_, j) => (j === 0 ? 'asset' : `f${j}`)),
    asset: Array.from({ length: n }, (_, i) => `pump-${i % 2}`),
    startUs: numbers((i) => 1_772_366_400_000_000 + i), endUs: numbers((i) => 1_772_366_460_000_000 + i), revision: numbers(() => 0),
    mode: Array.from({ length: n }, () => 'live'), goodFraction: numbers(() => 0.75),
    part: Array.from({ length: n }, (_, i) => (i < n / 2 ? 'train' : 'test')),
    excluded: Array.from({ length: n }, (_, i) => (i % 5 === 4 ? 'label:faulty' : null)),
    values,
  }
}

const cell = fc.oneof(fc.double({ min: -1e300, max: 1e300 }), fc.constantFrom(Number.NaN, Infinity, -Infinity, -0, 5e-324))
const datasetArbitrary = fc.integer({ min: 1, max: 5 }).chain((width) =>
  fc.array(fc.array(cell, { minLength: width, maxLength: width }), { minLength: 2, maxLength: 30 })
    .map((rows) => rowsOf(Float64Array.from(rows.flat()), width)))

test('rows come back bit by bit through Parquet, and under the same digest', async () => {
  await fc.assert(fc.asyncProperty(datasetArbitrary, async (rows) => {
    const objects = createMemoryObjectStore()
    const { manifest } = await writeDataset(objects, facts, rows)
    const back = await readDataset(objects, manifest)
    assert.deepEqual(back, rows)
    assert.equal(datasetDigest(back), manifest.digest)
    assert.equal(manifest.rowCount, rows.asset.length)
    const reference = await readReference(objects, manifest)
    assert.deepEqual(reference.features.map((f) => f.name), rows.features)
  }), { numRuns: 50 })
})

test('the digest sees every value, part and exclusion, and stands without the file', () => {
  const rows = rowsOf(Float64Array.from({ length: 20 }, (_, i) => i), 2)
  const digest = datasetDigest(rows)
  assert.equal(digest, datasetDigest(rowsOf(Float64Array.from({ length: 20 }, (_, i) => i), 2)))
  const changed: DatasetRows[] = [
    { ...rows, values: Float64Array.from(rows.values, (v, i) => (i === 7 ? v + 1e-12 : v)) },
    { ...rows, part: rows.part.map((p, i) => (i === 0 ? 'gap' : p)) },
    { ...rows, excluded: rows.excluded.map((e, i) => (i === 0 ? 'label:faulty' : e)) },
    { ...rows, asset: rows.asset.map((a, i) => (i === 3 ? 'pump-9' : a)) },
    { ...rows, features: ['asset', 'renamed'] },
  ]
  for (const other of changed) assert.notEqual(datasetDigest(other), digest)
})

test('a file that is changed, cut or another dataset is refused', async () => {
  const objects = createMemoryObjectStore()
  const { manifest } = await writeDataset(objects, facts, rowsOf(Float64Array.from({ length: 40 }, (_, i) => i), 2))
  const key = `datasets/${manifest.file.key}`
  const bytes = objects.objects.get(key)!
  const other = await writeDataset(objects, facts, rowsOf(Float64Array.from({ length: 40 }, (_, i) => i * 2), 2))
  for (const broken of [bytes.slice(0, bytes.length - 9), new Uint8Array(0), objects.objects.get(`datasets/${other.manifest.file.key}`)!]) {
    objects.objects.set(key, broken)
    await assert.rejects(readDataset(objects, manifest), { code: 'digest_mismatch' })
  }
  objects.objects.set(`datasets/${manifest.reference.key}`, new TextEncoder().encode('{}'))
  await assert.rejects(readReference(objects, manifest), { code: 'digest_mismatch' })
})

test('the same snapshot twice is one set of objects', async () => {
  const objects = createMemoryObjectStore()
  const rows = rowsOf(Float64Array.from({ length: 40 }, (_, i) => i), 2)
  const first = await writeDataset(objects, facts, rows)
  const count = objects.objects.size
  assert.deepEqual(await writeDataset(objects, facts, rows), first)
  assert.equal(objects.objects.size, count)
})

test('only normal rows of a part are given for it', () => {
  const rows = rowsOf(Float64Array.from({ length: 20 }, (_, i) => i), 2)
  assert.deepEqual([...valuesOfPart(rows, 'train')], [0, 1, 2, 3, 4, 5, 6, 7])
  assert.deepEqual([...valuesOfPart(rows, 'test')], [10, 11, 12, 13, 14, 15, 16, 17])
})

test('several row groups and null text pass', async () => {
  const n = 100_050
  const table = {
    rowCount: n,
    columns: [
      { name: 'text', type: 'text' as const, values: Array.from({ length: n }, (_, i) => (i % 3 === 0 ? null : `v${i % 7}`)) },
      { name: 'number', type: 'number' as const, values: Float64Array.from({ length: n }, (_, i) => i / 3) },
    ],
  }
  assert.deepEqual(await readParquet(writeParquet(table)), table)
})
