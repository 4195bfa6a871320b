import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bothAtWork } from '../../../../infra/door/copies.ts'

const session = (sinceMs: number, lastActiveMs: number) => ({ epoch: `${sinceMs}`.padStart(16, '0'), sinceMs, lastActiveMs })

test('an earlier session that goes on speaking beside a later one is a copy, in whatever order they are given', () => {
  const [a, b] = [session(0, 9_000), session(3_000, 4_000)]
  assert.deepEqual(bothAtWork([b, a], 5_000), [a, b])
})

test('the rest of a lost connection is none: it says nothing any more, or only what was on its way', () => {
  assert.equal(bothAtWork([session(0, 2_900), session(3_000, 60_000)], 5_000), null)
  assert.equal(bothAtWork([session(0, 7_999), session(3_000, 60_000)], 5_000), null)
  assert.equal(bothAtWork([session(0, 60_000)], 5_000), null)
})

test('of three the two that are at work are found', () => {
  const [a, c] = [session(0, 30_000), session(20_000, 30_000)]
  assert.deepEqual(bothAtWork([a, session(10_000, 10_500), c], 5_000)?.[0], a)
})
