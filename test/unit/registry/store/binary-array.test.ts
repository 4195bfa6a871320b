import assert from 'node:assert/strict'
import { test } from 'node:test'
import { float8ArrayParameter, nullableFloat8ArrayParameter, textArrayParameter } from '../../../../registry/store/binary-array.ts'

test('a float8[] has the layout of array_recv', () => {
  const bytes = float8ArrayParameter(Float64Array.from([1.5, NaN]))
  assert.deepEqual([0, 4, 8, 12, 16].map((at) => bytes.readInt32BE(at)), [1, 0, 701, 2, 1])
  assert.deepEqual([bytes.readInt32BE(20), bytes.readDoubleBE(24), bytes.readInt32BE(32), bytes.readDoubleBE(36)], [8, 1.5, 8, NaN])
  assert.equal(bytes.length, 44)
  assert.deepEqual(nullableFloat8ArrayParameter([1.5, NaN]), bytes)
})

test('nulls are said in the header, and have a length of -1', () => {
  const bytes = textArrayParameter(['ä', null, ''])
  assert.deepEqual([0, 4, 8, 12, 16].map((at) => bytes.readInt32BE(at)), [1, 1, 25, 3, 1])
  assert.deepEqual([...bytes.subarray(20)], [0, 0, 0, 2, 0xc3, 0xa4, 255, 255, 255, 255, 0, 0, 0, 0])
})

test('an empty one has no dimension', () => {
  assert.deepEqual([...float8ArrayParameter(new Float64Array(0))], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 189])
  assert.deepEqual([...textArrayParameter([])], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 25])
})
