import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { createCopyReader } from '../../../../registry/store/copy-reader.ts'
import { createCopyWriter } from '../../../../registry/store/copy-writer.ts'

const micros = fc.maxSafeInteger().map((value) => Math.trunc(value / 8) + 0)
const rows = fc.array(fc.record({
  int2: fc.integer({ min: -32768, max: 32767 }), int4: fc.integer(), int8: fc.maxSafeInteger(), float8: fc.double(), time: micros,
  doubles: fc.option(fc.array(fc.double(), { maxLength: 20 })), floats: fc.array(fc.float(), { minLength: 1, maxLength: 5 }),
  codes: fc.array(fc.integer({ min: 0, max: 0xffff }), { minLength: 1, maxLength: 5 }), times: fc.array(micros, { minLength: 1, maxLength: 5 }),
}), { maxLength: 10 })

describe('binary COPY', () => {
  it('reads what it wrote, in one piece or in many', () => {
    fc.assert(fc.property(rows, fc.boolean(), (list, inPieces) => {
      const writer = createCopyWriter(32)
      const pieces: Uint8Array[] = []
      for (const row of list) {
        writer.row(9)
        writer.int2(row.int2)
        writer.int4(row.int4)
        writer.int8(row.int8)
        writer.float8(row.float8)
        writer.timestamp(row.time)
        if (row.doubles) writer.float8Array(Float64Array.from(row.doubles))
        else writer.none()
        writer.float4Array(Float32Array.from(row.floats))
        writer.int2Array(Uint16Array.from(row.codes))
        writer.timestampArray(Float64Array.from(row.times))
        if (inPieces) pieces.push(writer.take())
      }
      pieces.push(writer.end())
      const reader = createCopyReader(Buffer.concat(pieces))
      for (const row of list) {
        assert.ok(reader.next())
        assert.equal(reader.int2(), row.int2)
        assert.equal(reader.int4(), row.int4)
        assert.equal(reader.int8(), row.int8)
        assert.ok(Object.is(reader.float8(), row.float8))
        assert.equal(reader.timestamp(), row.time)
        assert.deepEqual(reader.float8Array(), row.doubles && Float64Array.from(row.doubles))
        assert.deepEqual(reader.float4Array(), Float32Array.from(row.floats))
        assert.deepEqual(reader.uint16Array(), Uint16Array.from(row.codes))
        assert.deepEqual(reader.timestampArray(), Float64Array.from(row.times))
      }
      assert.equal(reader.next(), false)
    }))
  })
})
