import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { tableFromIPC } from 'apache-arrow'
import fc from 'fast-check'
import { decodeBatch, peekHeader } from '../../../../../registry/domain/codec/decode.ts'
import { encodeReadings, encodeWaveforms } from '../../../../../registry/domain/codec/encode.ts'
import { batchHeaderExample, type BatchHeader } from '../../../../../registry/domain/contract/batch.ts'
import type { ReadingColumns, WaveformRow } from '../../../../../registry/domain/contract/reading.ts'
import { DomainError } from '../../../../../registry/domain/errors.ts'
import { effort } from '../../../../helpers/effort.ts'

const headerOf = (kind: BatchHeader['kind'], count: number): BatchHeader => ({ ...batchHeaderExample, kind, count })

interface Row { tag: number; sourceUs: number; gatewayUs: number; raw: number; value: number; quality: number }

const micros = fc.maxSafeInteger()
const anyDouble = fc.double({ noDefaultInfinity: false })
const rowArbitrary = fc.record({ tag: fc.nat(3), sourceUs: micros, gatewayUs: micros, raw: anyDouble, value: anyDouble, quality: fc.integer({ min: 0, max: 0xffff }) })

function columnsOf(rows: readonly Row[], tags = ['p/a', 'p/b', 'p/c', 'q/d']): ReadingColumns {
  const sorted = rows.map((row, i) => ({ row, i })).sort((x, y) => x.row.tag - y.row.tag || x.row.sourceUs - y.row.sourceUs || x.i - y.i).map(({ row }) => row)
  return {
    tags,
    tag: Int32Array.from(sorted, (row) => row.tag),
    sourceUs: Float64Array.from(sorted, (row) => row.sourceUs),
    gatewayUs: Float64Array.from(sorted, (row) => row.gatewayUs),
    raw: Float64Array.from(sorted, (row) => row.raw),
    value: Float64Array.from(sorted, (row) => row.value),
    quality: Uint16Array.from(sorted, (row) => row.quality),
  }
}

const simple = (): ReadingColumns => columnsOf([
  { tag: 0, sourceUs: 1_000_001, gatewayUs: 2_000_000, raw: 131, value: 55, quality: 0 },
  { tag: 0, sourceUs: 1_000_001, gatewayUs: 2_000_001, raw: 132, value: 56, quality: 6 },
  { tag: 2, sourceUs: 999_999, gatewayUs: 2_000_002, raw: Number.NaN, value: Number.NaN, quality: 130 },
])

const waves: WaveformRow[] = [
  { tag: 'p/v', startUs: 1_772_366_400_000_001, intervalUs: 39.0625, gatewayUs: 1_772_366_400_150_000, scale: 9.80665, offset: -1, quality: 0, samples: Float32Array.of(0.5, -0.25, 1e-7) },
  { tag: 'p/w', startUs: 5, intervalUs: 1, gatewayUs: 6, scale: 1, offset: 0, quality: 6, samples: Float32Array.of(1) },
  { tag: 'p/v', startUs: 7, intervalUs: 1e6, gatewayUs: 8, scale: 1, offset: 0, quality: 0, samples: Float32Array.of(2, 3) },
]

/** An array bit by bit, so that NaN equals NaN and -0 differs from 0. */
const bits = (array: Float64Array | Uint16Array | Int32Array): Buffer => Buffer.from(array.slice().buffer)

const refused = (code: string, text: RegExp) => (error: unknown): boolean => {
  assert.ok(error instanceof DomainError, `not a DomainError: ${String(error)}`)
  assert.equal(error.code, code)
  assert.match(error.message, text)
  return true
}

describe('batch codec', () => {
  it('gives readings back as they were, to the bit', () => {
    fc.assert(fc.property(fc.array(rowArbitrary, { minLength: 1, maxLength: 50 }), fc.boolean(), (rows, allGood) => {
      const columns = columnsOf(allGood ? rows.map((row) => ({ ...row, raw: row.value, quality: 0 })) : rows)
      const decoded = decodeBatch(encodeReadings(headerOf('readings', rows.length), columns))
      assert.ok(decoded.kind === 'readings')
      assert.deepEqual(decoded.columns.tags, columns.tags)
      for (const name of ['tag', 'sourceUs', 'gatewayUs', 'raw', 'value', 'quality'] as const) {
        assert.deepEqual(bits(decoded.columns[name]), bits(columns[name]), name)
      }
    }))
  })

  it('gives readings of rounds back as they were, with their times in dictionaries', () => {
    const widths = { few: [3, 40], many: [40, 6], most: [3, 140] } as const
    fc.assert(fc.property(fc.constantFrom(...Object.keys(widths) as (keyof typeof widths)[]), micros, fc.integer({ min: 1, max: 2 ** 40 }), fc.nat(7), (width, start, stepUs, late) => {
      const [tagCount, rounds] = widths[width]
      const startUs = Math.min(start, Number.MAX_SAFE_INTEGER - rounds * stepUs - late)
      const rows = Array.from({ length: tagCount * rounds * 2 }, (_, i): Row => {
        const at = startUs + (Math.floor(i / 2) % rounds) * stepUs
        return { tag: Math.floor(i / (rounds * 2)), sourceUs: at, gatewayUs: at + late, raw: i, value: i, quality: 0 }
      })
      const columns = columnsOf(rows, Array.from({ length: tagCount }, (_, i) => `p/${i}`))
      const bytes = encodeReadings(headerOf('readings', rows.length), columns)
      const decoded = decodeBatch(bytes)
      assert.ok(decoded.kind === 'readings')
      for (const name of ['tag', 'sourceUs', 'gatewayUs', 'value'] as const) assert.deepEqual(bits(decoded.columns[name]), bits(columns[name]), name)
      const source = tableFromIPC(bytes).schema.fields.find(({ name }) => name === 'source_us')!
      assert.match(String(source.type), rounds > 128 ? /^Dictionary<Int16, Timestamp<MICROSECOND, UTC>>$/ : /^Dictionary<Int8, Timestamp<MICROSECOND, UTC>>$/)
    }), { numRuns: effort(100) })
  })

  it('writes a hundred tags at one rate in eleven or thirteen bytes a reading', () => {
    const bytesARow = (tagCount: number, rounds: number): number => {
      const rows = Array.from({ length: tagCount * rounds }, (_, i): Row => {
        const at = 1_772_366_400_000_000 + (i % rounds) * 1_000_000
        return { tag: Math.floor(i / rounds), sourceUs: at, gatewayUs: at + 4_000, raw: i, value: i, quality: 0 }
      })
      return encodeReadings(headerOf('readings', rows.length), columnsOf(rows, Array.from({ length: tagCount }, (_, i) => `p/${i}`))).length / rows.length
    }
    assert.ok(bytesARow(100, 100) < 11.5)
    assert.ok(bytesARow(100, 500) < 13.5)
  })

  it('gives back times of which each is another, without a dictionary', () => {
    const rows = Array.from({ length: 1000 }, (_, i): Row => ({ tag: 0, sourceUs: i * i, gatewayUs: 5e9 + i * 7, raw: i, value: i, quality: 0 }))
    const bytes = encodeReadings(headerOf('readings', rows.length), columnsOf(rows))
    const decoded = decodeBatch(bytes)
    assert.ok(decoded.kind === 'readings')
    assert.deepEqual([...decoded.columns.sourceUs], rows.map(({ sourceUs }) => sourceUs))
    assert.equal(String(tableFromIPC(bytes).schema.fields.find(({ name }) => name === 'source_us')!.type), 'Timestamp<MICROSECOND, UTC>')
  })

  it('gives waveforms back as they were', () => {
    const decoded = decodeBatch(encodeWaveforms(headerOf('waveforms', waves.length), waves))
    assert.ok(decoded.kind === 'waveforms')
    assert.deepEqual(decoded.rows, waves)
  })

  it('gives the header back, also without the rows', () => {
    const header = headerOf('readings', 3)
    const bytes = encodeReadings(header, simple())
    assert.deepEqual(peekHeader(bytes), header)
    assert.deepEqual(peekHeader(bytes.subarray(0, 2000)), header)
    assert.deepEqual(decodeBatch(bytes).header, header)
  })

  it('reads from any offset of a larger buffer', () => {
    const bytes = encodeReadings(headerOf('readings', 3), simple())
    for (const shift of [1, 3, 4, 8]) {
      const buffer = new Uint8Array(bytes.length + shift)
      buffer.set(bytes, shift)
      const decoded = decodeBatch(buffer.subarray(shift))
      assert.ok(decoded.kind === 'readings')
      assert.deepEqual(bits(decoded.columns.sourceUs), bits(simple().sourceUs))
    }
  })

  it('takes columns that are views of one buffer', () => {
    const pool = Float64Array.of(1, 2, 3, 4)
    const columns = { ...simple(), value: pool.subarray(0, 3), raw: pool.subarray(1, 4) }
    const decoded = decodeBatch(encodeReadings(headerOf('readings', 3), columns))
    assert.ok(decoded.kind === 'readings')
    assert.deepEqual([...decoded.columns.value, ...decoded.columns.raw], [1, 2, 3, 2, 3, 4])
  })

  it('is an Arrow stream that any Arrow library reads', () => {
    const table = tableFromIPC(encodeReadings(headerOf('readings', 3), simple()))
    assert.equal(table.numRows, 3)
    assert.deepEqual([...table.getChild('tag')!].map(String), ['p/a', 'p/a', 'p/c'])
    assert.deepEqual(Array.from(table.getChild('raw')!, Number), [131, 132, Number.NaN])
    assert.equal(String(table.schema.fields.find((field) => field.name === 'source_us')!.type), 'Timestamp<MICROSECOND, UTC>')
    const waveTable = tableFromIPC(encodeWaveforms(headerOf('waveforms', waves.length), waves))
    assert.deepEqual(Array.from(waveTable.getChild('samples')!.get(0) as Iterable<number>), [...waves[0]!.samples])
  })

  it('leaves out device values equal to the canonical ones, and qualities that are all good', () => {
    const columns = simple()
    const plain = { ...columns, raw: columns.value, quality: new Uint16Array(3) }
    const names = tableFromIPC(encodeReadings(headerOf('readings', 3), plain)).schema.names
    assert.deepEqual(names, ['tag', 'source_us', 'gateway_us', 'value'])
    const decoded = decodeBatch(encodeReadings(headerOf('readings', 3), plain))
    assert.ok(decoded.kind === 'readings')
    assert.equal(decoded.columns.raw, decoded.columns.value)
  })

  it('refuses on the way out what it would refuse on the way in', () => {
    const columns = simple()
    const header = headerOf('readings', 3)
    assert.throws(() => encodeReadings(headerOf('readings', 4), columns), refused('contract_broken', /4 rows of readings/))
    assert.throws(() => encodeReadings(headerOf('waveforms', 3), columns), refused('contract_broken', /waveforms/))
    assert.throws(() => encodeReadings({ ...header, epoch: 'x' }, columns), refused('contract_broken', /epoch/))
    assert.throws(() => encodeReadings(header, { ...columns, tags: ['p/a', 'p/a', 'p/c'] }), refused('contract_broken', /twice/))
    assert.throws(() => encodeReadings(header, { ...columns, tag: Int32Array.of(0, 2, 0) }), refused('contract_broken', /row 2 is out of order/))
    assert.throws(() => encodeReadings(header, { ...columns, tag: Int32Array.of(0, 0, 9) }), refused('contract_broken', /row 2 names no entry/))
    assert.throws(() => encodeReadings(header, { ...columns, sourceUs: Float64Array.of(2, 1, 1) }), refused('contract_broken', /row 1 is earlier/))
    assert.throws(() => encodeReadings(header, { ...columns, sourceUs: Float64Array.of(0.5, 1, 1) }), refused('contract_broken', /row 0 is not a whole number/))
    assert.throws(() => encodeReadings(header, { ...columns, raw: new Float64Array(2) }), refused('contract_broken', /raw has 2 rows/))
    assert.throws(() => encodeWaveforms(headerOf('waveforms', 1), [{ ...waves[0]!, samples: new Float32Array(0) }]), refused('contract_broken', /samples: row 0 is empty/))
    assert.throws(() => encodeWaveforms(headerOf('waveforms', 1), [{ ...waves[0]!, intervalUs: 0 }]), refused('contract_broken', /interval_us/))
  })

  it('refuses a stream cut off anywhere', () => {
    for (const bytes of [encodeReadings(headerOf('readings', 3), simple()), encodeWaveforms(headerOf('waveforms', waves.length), waves)]) {
      for (let length = 0; length < bytes.length; length++) {
        assert.throws(() => decodeBatch(bytes.subarray(0, length)), (error) => error instanceof DomainError && error.code === 'contract_broken', `cut at ${length}`)
      }
    }
  })

  it('answers damaged bytes with a refusal or with rows, never with anything else', () => {
    const streams = [encodeReadings(headerOf('readings', 3), simple()), encodeWaveforms(headerOf('waveforms', waves.length), waves)]
    const damage = fc.array(fc.tuple(fc.nat(4096), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 6 })
    fc.assert(fc.property(fc.constantFrom(...streams), damage, (stream, changes) => {
      const bytes = stream.slice()
      for (const [at, value] of changes) bytes[at % bytes.length] = value
      try {
        decodeBatch(bytes)
      } catch (error) {
        assert.ok(error instanceof DomainError, `${String(error)} for ${JSON.stringify(changes)}`)
      }
    }), { numRuns: effort(5000) })
    fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      assert.throws(() => decodeBatch(bytes), DomainError)
      assert.throws(() => peekHeader(bytes), DomainError)
    }))
  })

  it('names the place of what another writer got wrong', async () => {
    const { tableToIPC, tableFromArrays, vectorFromArray, makeData, makeVector, Table, Utf8, Dictionary, Int8, Int32, Uint16, Float64, TimestampMicrosecond } = await import('apache-arrow')
    const text = JSON.stringify(headerOf('readings', 2))
    const withHeader = (columns: ConstructorParameters<typeof Table>[0], header = text): Uint8Array => {
      const table = new Table(columns as never)
      table.schema.metadata.set('twinward', header)
      return tableToIPC(table, 'stream')
    }
    const time = () => vectorFromArray([1, 2], new TimestampMicrosecond('UTC'))
    const good = {
      tag: vectorFromArray(['p/a', 'p/b'], new Dictionary(new Utf8(), new Int32())),
      source_us: time(), gateway_us: time(), value: vectorFromArray([1, 2], new Float64()),
    }
    assert.equal(decodeBatch(withHeader(good as never)).kind, 'readings')
    const { value: _value, ...missing } = good
    assert.throws(() => decodeBatch(withHeader(missing as never)), refused('contract_broken', /Column value: it is missing/))
    assert.throws(() => decodeBatch(withHeader({ ...good, extra: vectorFromArray([1, 2], new Float64()) } as never)), refused('contract_broken', /Column extra: the contract knows no such column/))
    assert.throws(() => decodeBatch(withHeader({ ...good, value: vectorFromArray([1, 2], new Int32()) } as never)), refused('contract_broken', /Column value: it must be of type float64/))
    assert.throws(() => decodeBatch(withHeader({ ...good, tag: vectorFromArray(['p/a', 'p/b'], new Utf8()) } as never)), refused('contract_broken', /Column tag: it must be of type dictionary/))
    assert.throws(() => decodeBatch(withHeader({ ...good, tag: vectorFromArray(['p/a', 'p/b'], new Dictionary(new Utf8(), new Uint16())) } as never)), refused('contract_broken', /Column tag: its indices must be of type/))
    const coded = (index: number[], type: InstanceType<typeof Int8 | typeof Int32>, id = 7) => makeVector(makeData({ type: new Dictionary(new TimestampMicrosecond('UTC'), type, id), data: new type.ArrayType(index), dictionary: time() }))
    const times = (decodeBatch(withHeader({ ...good, source_us: coded([1, 0], new Int32()), gateway_us: coded([0, 1], new Int8(), 8) } as never)) as { columns: ReadingColumns }).columns
    assert.deepEqual([[...times.sourceUs], [...times.gatewayUs]], [[2000, 1000], [1000, 2000]])
    assert.equal(times.gatewayUs, times.gatewayUs, 'made once')
    for (const index of [[0, 2], [-1, 0]]) {
      for (const type of [new Int8(), new Int32()]) {
        for (const column of ['source_us', 'gateway_us']) assert.throws(() => decodeBatch(withHeader({ ...good, [column]: coded(index, type) } as never)), refused('contract_broken', new RegExp(`Column ${column}: a row names no entry`)))
      }
    }
    assert.throws(() => decodeBatch(withHeader({ ...good, source_us: vectorFromArray(['p/a', 'p/b'], new Dictionary(new Utf8(), new Int32(), 9)) } as never)), refused('contract_broken', /Column source_us: its dictionary must hold timestamp/))
    assert.throws(() => decodeBatch(withHeader({ ...good, value: coded([0, 1], new Int8()) } as never)), refused('contract_broken', /Column value: it must be of type float64/))
    assert.throws(() => decodeBatch(withHeader({ ...good, value: vectorFromArray([1, null], new Float64()) } as never)), refused('contract_broken', /column value: nulls are not taken/))
    assert.throws(() => decodeBatch(withHeader(good as never, JSON.stringify(headerOf('readings', 3)))), refused('contract_broken', /counts 3 rows, the batch has 2/))
    assert.throws(() => decodeBatch(withHeader(good as never, '{')), refused('contract_broken', /not JSON/))
    assert.throws(() => decodeBatch(withHeader(good as never, '{"contract":2}')), refused('contract_broken', /contract: .*; site:/))
    assert.throws(() => decodeBatch(withHeader(good as never, JSON.stringify(headerOf('readings', 250_001)))), refused('too_large', /250001 rows/))
    assert.throws(() => decodeBatch(tableToIPC(tableFromArrays({ a: [1] }), 'stream')), refused('contract_broken', /no header/))
    assert.throws(() => decodeBatch(tableToIPC(tableFromArrays({ a: [1] }), 'file')), refused('contract_broken', /no Arrow message begins at byte 0/))
    assert.throws(() => decodeBatch(new Uint8Array(25 * 1024 * 1024)), refused('too_large', /bytes/))
  })
})
