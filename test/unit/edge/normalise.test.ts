import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { BAD, GOOD, qualityCode, qualityReasonsOf, UNCERTAIN } from '../../../registry/domain/contract/quality.ts'
import { createNormaliser, type Normaliser } from '../../../edge/normalise.ts'
import type { ReadingsBlock } from '../../../edge/raw-entry.ts'
import { createGrowingRows } from '../../../edge/reading-rows.ts'
import { sortReadings } from '../../../edge/sort-readings.ts'
import { tagMapDigest, tagMapSchema } from '../../../edge/tag-map.ts'

const mapping = (address: string, tag: string, unit: string, canonicalUnit: string, more: object = {}) => ({ address, tag, unit, canonicalUnit, ...more })
const map = tagMapSchema.parse({ version: 1, tags: [
  mapping('T1', 'pump-1/temp', '[degF]', 'Cel'),
  mapping('A1', 'pump-1/accel', '[g]', 'm/s2'),
  mapping('R1', 'pump-1/level', '%', '%', { scale: 0.1, offset: -5 }),
  mapping('W1', 'pump-1/wave', '[g]', 'm/s2', { kind: 'waveform' }),
] })

const block = (address: string, raw: number[], quality = raw.map(() => GOOD)) => ({
  kind: 'readings' as const, addresses: [address], address: new Uint16Array(raw.length),
  sourceUs: Float64Array.from(raw, (_, i) => i), raw: Float64Array.from(raw), quality: Uint16Array.from(quality),
})

/** What a block becomes, in the order of arrival. */
function readings(normaliser: Normaliser, given: ReadingsBlock) {
  const growing = createGrowingRows()
  normaliser.readings(normaliser.byMap(given), 7, growing, 0)
  const { length, tag, sourceUs, value, quality, gatewayUs } = growing.rows()
  assert.ok(gatewayUs.subarray(0, length).every((us) => us === 7))
  return Array.from({ length }, (_, i) => ({ tag: normaliser.tags[tag[i] ?? -1], us: sourceUs[i], value: value[i] ?? 0, quality: quality[i] ?? 0 }))
}

test('values are converted by UCUM, after the device\'s own scale and offset', () => {
  const normaliser = createNormaliser(map)
  assert.ok(Math.abs((readings(normaliser, block('T1', [212]))[0]?.value ?? 0) - 100) < 1e-9)
  assert.equal(readings(normaliser, block('A1', [1]))[0]?.value, 9.80665)
  assert.equal(readings(normaliser, block('R1', [600]))[0]?.value, 55)
  const [wave] = normaliser.waveforms({ kind: 'waveforms', rows: [{ address: 'W1', startUs: 1, intervalUs: 2, quality: 0, samples: Float32Array.of(1, 2) }] }, 7)
  assert.deepEqual({ ...wave, samples: [...(wave?.samples ?? [])] }, {
    tag: 'pump-1/wave', startUs: 1, intervalUs: 2, gatewayUs: 7, scale: 9.80665, offset: 0, quality: 0, samples: [1, 2],
  })
})

test('a value that is no number is bad with a reason; a reason the source gave is kept', () => {
  const missing = qualityCode('bad', ['missing'])
  const uncertain = qualityCode('uncertain', ['samplingSkew'])
  const rows = readings(createNormaliser(map), block('T1', [NaN, Infinity, NaN, NaN, 50], [GOOD, GOOD, missing, uncertain, UNCERTAIN]))
  const quality = rows.map((row) => row.quality)
  assert.deepEqual(rows.map(({ value }) => Number.isNaN(value)), [true, true, true, true, false])
  assert.deepEqual(qualityReasonsOf(quality[0] ?? 0), ['notFinite'])
  assert.deepEqual(qualityReasonsOf(quality[1] ?? 0), ['notFinite'])
  assert.equal(quality[2], missing)
  assert.deepEqual(qualityReasonsOf(quality[3] ?? 0), ['notFinite', 'samplingSkew'])
  assert.ok([0, 1, 2, 3].every((i) => ((quality[i] ?? 0) & 3) === BAD))
  assert.equal(quality[4], UNCERTAIN)
  const [wave] = createNormaliser(map).waveforms({ kind: 'waveforms', rows: [{ address: 'W1', startUs: 1, intervalUs: 2, quality: 0, samples: Float32Array.of(1, NaN) }] }, 7)
  assert.deepEqual(qualityReasonsOf(wave?.quality ?? 0), ['notFinite'])
})

test('identity keeps every bit of what the device gave', () => {
  const same = createNormaliser(tagMapSchema.parse({ version: 1, tags: [mapping('X', 'a/x', 'A', 'A')] }))
  fc.assert(fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (x) => Object.is(readings(same, block('X', [x]))[0]?.value, x)))
})

test('unknown addresses, units and double mappings are refused', () => {
  assert.throws(() => createNormaliser(map).check('scalar', 'nope'), { code: 'invalid' })
  assert.throws(() => createNormaliser(map).check('waveform', 'T1'), { code: 'invalid' })
  assert.throws(() => createNormaliser(map).byMap(block('nope', [1])), { code: 'invalid' })
  assert.throws(() => createNormaliser(map).byMap(block('W1', [1])), { code: 'invalid' })
  const withTags = (...tags: object[]) => tagMapSchema.parse({ version: 1, tags })
  assert.throws(() => createNormaliser(withTags(mapping('X', 'a/x', 'foo', 'A'))), { code: 'unit_unknown' })
  assert.throws(() => createNormaliser(withTags(mapping('X', 'a/x', 'bar', 'A'))), { code: 'unprocessable' })
  assert.throws(() => createNormaliser(withTags(mapping('X', 'a/x', 'A', 'A'), mapping('Y', 'a/x', 'A', 'A'))), { code: 'invalid' })
  assert.throws(() => createNormaliser(withTags(mapping('X', 'a/x', 'A', 'A'), mapping('X', 'a/y', 'A', 'A', { kind: 'waveform' }))), { code: 'invalid' })
})

test('one address feeds several tags, each by its own conversion', () => {
  const normaliser = createNormaliser(tagMapSchema.parse({ version: 1, tags: [mapping('T', 'a/t', 'Cel', 'Cel'), mapping('T', 'a/k', 'Cel', 'K'), mapping('U', 'a/u', 'A', 'A')] }))
  const rows = readings(normaliser, { ...block('T', [1, 2, 3]), addresses: ['U', 'T'], address: Uint16Array.of(1, 0, 1) })
  assert.deepEqual(rows.map(({ tag, value, us }) => [tag, value, us]), [['a/t', 1, 0], ['a/u', 2, 1], ['a/t', 3, 2], ['a/k', 274.15, 0], ['a/k', 276.15, 2]])
})

test('the mapping digest follows the meaning, not the order of keys', () => {
  const [first, ...rest] = map.tags
  assert.ok(first)
  const shuffled = { tags: [Object.fromEntries(Object.entries(first).reverse()), ...rest], version: 1 as const }
  assert.equal(tagMapDigest(tagMapSchema.parse(shuffled)), tagMapDigest(map))
  assert.notEqual(tagMapDigest({ ...map, tags: [{ ...first, scale: 2 }, ...rest] }), tagMapDigest(map))
})

test('rows come out by tag, time and arrival, every one of them', () => {
  const row = fc.record({ tag: fc.integer({ min: 0, max: 3 }), at: fc.integer({ min: 0, max: 6 }) })
  fc.assert(fc.property(fc.array(fc.array(row, { maxLength: 12 }), { maxLength: 5 }), (blocks) => {
    const tags = ['a/1', 'b/1', 'c/1', 'd/1']
    // Two maps name the same tags, each in another order.
    const names = [...tags, ...[...tags].reverse()]
    const growing = createGrowingRows()
    let arrival = 0
    blocks.forEach((block, index) => {
      const rows = growing.extend(block.length)
      block.forEach(({ tag, at }, i) => {
        const row = rows.length - block.length + i
        rows.tag[row] = index % 2 === 0 ? tag : names.length - 1 - tag
        rows.sourceUs[row] = at
        rows.raw[row] = rows.quality[row] = arrival
        rows.value[row] = arrival++ + 0.5
      })
    })
    const expected = blocks.flat().map(({ tag, at }, i) => ({ tag: tags[tag] ?? '', at, i }))
      .sort((a, b) => (a.tag < b.tag ? -1 : a.tag > b.tag ? 1 : a.at - b.at || a.i - b.i))
    const columns = sortReadings(names, growing.rows())
    assert.deepEqual([...columns.raw], expected.map(({ i }) => i))
    assert.deepEqual([...columns.value], expected.map(({ i }) => i + 0.5))
    assert.deepEqual([...columns.quality], expected.map(({ i }) => i))
    assert.deepEqual([...columns.tag].map((index) => columns.tags[index]), expected.map(({ tag }) => tag))
    assert.deepEqual([...columns.sourceUs], expected.map(({ at }) => at))
    assert.deepEqual(columns.tags, [...new Set(expected.map(({ tag }) => tag))])
  }))
})
