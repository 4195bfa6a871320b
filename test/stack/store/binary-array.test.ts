import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import * as parameters from '../../../registry/store/binary-array.ts'
import { createPool } from '../../../registry/store/pool.ts'
import { freshDatabase, useStack } from '../../helpers/stack.ts'

test('PostgreSQL reads every array as it was given', async (t) => {
  const database = await freshDatabase(await useStack(), { migrated: false })
  const pool = createPool(database.adminUrl, { max: 1 })
  t.after(async () => {
    await pool.end()
    await database.drop()
  })
  const arrays = <T>(value: fc.Arbitrary<T>) => fc.array(fc.option(value, { nil: null }), { maxLength: 40 })
  // Neither text nor jsonb takes a NUL or a surrogate alone.
  const plain = fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\u0000'))
  const json = fc.jsonValue().map((value) => JSON.stringify(value)).filter((text) => !text.includes('\\u0000') && !/\\ud[89a-f]/.test(text) && !/\d{17}/.test(text) && !text.includes('e'))
  await fc.assert(fc.asyncProperty(arrays(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })), arrays(fc.maxSafeInteger()), arrays(fc.double({ noNaN: true })), arrays(plain), arrays(json),
    async (int4, int8, float8, text, jsonb) => {
      const { rows } = await pool.query<{ int4: unknown[]; int8: unknown[]; float8: unknown[]; text: unknown[]; jsonb: unknown[] }>(
        'select $1::int4[] as int4, $2::int8[] as int8, $3::float8[] as float8, $4::text[] as text, $5::jsonb[] as jsonb',
        [parameters.int4ArrayParameter(int4), parameters.int8ArrayParameter(int8), parameters.nullableFloat8ArrayParameter(float8), parameters.textArrayParameter(text), parameters.jsonbArrayParameter(jsonb)])
      assert.deepEqual(rows[0], {
        int4, int8: int8.map((value) => value === null ? null : String(value)), float8, text,
        jsonb: jsonb.map((value) => value === null ? null : JSON.parse(value) as unknown),
      })
    }), { numRuns: 200 })
})
