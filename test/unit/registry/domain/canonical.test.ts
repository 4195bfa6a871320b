import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { canonicalDigest, canonicalJson, sha256Hex } from '../../../../registry/domain/canonical.ts'
import { DomainError } from '../../../../registry/domain/errors.ts'

function shuffled(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shuffled)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).reverse().map(([key, member]) => [key, shuffled(member)]))
}

describe('canonical JSON', () => {
  it('sorts keys by UTF-16 code unit and prints numbers as ECMAScript does (RFC 8785)', () => {
    const value = { '\u20ac': 1, '\r': 2, '1': 3, '\u{1F600}': 4, '\u0080': 5, '\u00f6': 6, '\ufb33': 7 }
    assert.equal(canonicalJson(value), '{"\\r":2,"1":3,"\u0080":5,"ö":6,"€":1,"😀":4,"\ufb33":7}')
    assert.equal(canonicalJson([333333333.33333329, 1e30, 4.5, 2e-3, 1e-27, -0]), '[333333333.3333333,1e+30,4.5,0.002,1e-27,0]')
  })

  it('is the same for the same value whatever the order of its keys, and parses back to it', () => {
    fc.assert(fc.property(fc.jsonValue({ noUnicodeString: false, maxDepth: 4 }), (value) => {
      const plain: unknown = JSON.parse(JSON.stringify(value))
      const text = canonicalJson(plain)
      assert.equal(canonicalJson(shuffled(plain)), text)
      assert.deepEqual(JSON.parse(text), plain)
    }))
  })

  it('leaves out undefined properties, so that an object and its JSON round trip have one digest', () => {
    assert.equal(canonicalDigest({ a: 1, b: undefined }), canonicalDigest({ a: 1 }))
  })

  it('refuses what JSON would change silently, naming where it stands', () => {
    const cycle: Record<string, unknown> = {}
    cycle['self'] = cycle
    const unfit = [NaN, Infinity, undefined, 1n, new Date(0), new Map(), new Float64Array(1), () => 1, 'a\ud800', cycle]
    for (const value of unfit) {
      assert.throws(() => canonicalJson({ list: [value] }), (error) => error instanceof DomainError && error.code === 'invalid')
    }
    assert.throws(() => canonicalJson({ a: { b: [0, NaN] } }), /\$\.a\.b\[1\]/)
  })
})

describe('sha256Hex', () => {
  it('agrees with another implementation, for text and bytes', () => {
    fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      const expected = createHash('sha256').update(text, 'utf8').digest('hex')
      assert.equal(sha256Hex(text), expected)
      assert.equal(sha256Hex(new TextEncoder().encode(text)), expected)
    }), { numRuns: 50 })
  })
})
