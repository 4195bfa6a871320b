import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createBackoff } from '../../../infra/backoff.ts'

describe('backoff', () => {
  it('doubles from 0.5 s to 30 s', () => {
    const backoff = createBackoff()
    assert.deepEqual(Array.from({ length: 9 }, () => backoff.next(0)), [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000])
  })

  it('begins again after a minute of health, and not before', () => {
    const backoff = createBackoff()
    for (let i = 0; i < 6; i += 1) backoff.next(59_999)
    assert.equal(backoff.next(59_999), 30_000)
    assert.equal(backoff.next(60_000), 500)
    assert.equal(backoff.next(0), 1000)
  })

  it('stays finite however often it is asked', () => {
    const backoff = createBackoff()
    for (let i = 0; i < 5000; i += 1) assert.ok(backoff.next(0) <= 30_000)
  })
})
