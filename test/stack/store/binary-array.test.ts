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
  // Text takes no NUL and no surrogate alone; json takes both, escaped.
  const plain = fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\u0000'))
  const jsonText = fc.jsonValue().map((value) => JSON.stringify(value))
  await fc.assert(fc.asyncProperty(arrays(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })), arrays(fc.maxSafeInteger()), arrays(fc.double({ noNaN: true })), arrays(plain), arrays(jsonText),
    async (int4, int8, float8, text, json) => {
      const { rows } = await pool.query<{ int4: unknown[]; int8: unknown[]; float8: unknown[]; text: unknown[]; json: unknown[] }>(
        'select $1::int4[] as int4, $2::int8[] as int8, $3::float8[] as float8, $4::text[] as text, $5::json[] as json',
        [parameters.int4ArrayParameter(int4), parameters.int8ArrayParameter(int8), parameters.nullableFloat8ArrayParameter(float8), parameters.textArrayParameter(text), parameters.jsonArrayParameter(json)])
      assert.deepEqual(rows[0], {
        int4, int8: int8.map((value) => value === null ? null : String(value)), float8, text,
        json: json.map((value) => value === null ? null : JSON.parse(value) as unknown),
      })
    }), { numRuns: 200 })
})
