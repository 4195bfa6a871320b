import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createDecodedCache } from '../../../activities/decoded-cache.ts'
import type { StoredChunk } from '../../../registry/domain/ingest/chunk.ts'

const chunk = (n: number): StoredChunk => ({
  tagRef: 1, revision: 0, batchId: 1, commitNumber: 1, receivedUs: 1, timesUs: new Float64Array(n), values: new Float64Array(n), raws: null, quality: null,
})

describe('the cache of decoded chunks', () => {
  it('stays within its bound, dropping what was unused for longest', () => {
    const one = chunk(100)
    const cache = createDecodedCache({ maxBytes: 11_000 })
    for (const key of ['a', 'b', 'c']) cache.put(key, one)
    assert.equal(cache.get('a'), one)
    cache.put('d', one)
    assert.deepEqual(['a', 'b', 'c', 'd'].map((key) => cache.get(key) !== undefined), [true, false, true, true])
    assert.ok(cache.bytes <= 11_000)
    cache.put('d', chunk(1))
    assert.equal(cache.get('d')?.values.length, 1)
  })

  it('does not keep what is larger than itself, nor count twice', () => {
    const cache = createDecodedCache({ maxBytes: 1000 })
    cache.put('a', chunk(1000))
    assert.equal(cache.get('a'), undefined)
    assert.equal(cache.bytes, 0)
    cache.put('b', chunk(1))
    const bytes = cache.bytes
    cache.put('b', chunk(1))
    assert.equal(cache.bytes, bytes)
  })
})
