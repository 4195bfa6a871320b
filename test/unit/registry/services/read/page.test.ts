import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeCursor, encodeCursor, toPage } from '../../../../../registry/services/read/page.ts'

test('a cursor gives back the place it was made from', () => {
  fc.assert(fc.property(fc.array(fc.oneof(fc.string(), fc.integer()), { minLength: 1, maxLength: 4 }), (parts) => {
    const kinds = parts.map((part) => typeof part as 'string' | 'number')
    assert.deepEqual(decodeCursor(encodeCursor(parts), kinds), parts)
  }))
})

test('no cursor is the first page: a null for each column', () => {
  assert.deepEqual(decodeCursor(undefined, ['string', 'number']), [null, null])
})

test('whatever the text, a cursor is either this list’s or refused as invalid', () => {
  fc.assert(fc.property(fc.string(), (text) => {
    try {
      const [part] = decodeCursor(text, ['number'])
      assert.equal(typeof part, 'number')
    } catch (error) {
      assert.equal((error as { code: string }).code, 'invalid')
    }
  }))
  assert.throws(() => decodeCursor(encodeCursor(['a']), ['number']), { code: 'invalid' })
})

test('walking the pages meets every item once, in order', () => {
  fc.assert(fc.property(fc.nat(40), fc.integer({ min: 1, max: 9 }), (count, limit) => {
    const all = Array.from({ length: count }, (_, i) => i + 1)
    const seen: number[] = []
    let cursor: string | undefined
    do {
      const [after] = decodeCursor(cursor, ['number'])
      const rows = all.filter((n) => after === null || n > Number(after)).slice(0, limit + 1)
      const page = toPage(rows, limit, (n) => n, (n) => [n])
      assert.ok(page.items.length <= limit)
      seen.push(...page.items)
      cursor = page.nextCursor ?? undefined
    } while (cursor !== undefined)
    assert.deepEqual(seen, all)
  }))
})
