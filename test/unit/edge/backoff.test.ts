import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createBackoff } from '../../../edge/backoff.ts'
import { createBell, firstOf } from '../../../edge/bell.ts'

test('waits double up to the limit, spread over the whole range, never near zero', () => {
  for (const [random, expected] of [[0.999999, [100, 200, 400, 800, 1000, 1000]], [0, [50, 50, 50, 50, 50, 50]]] as const) {
    const backoff = createBackoff({ firstMs: 100, maxMs: 1000, random: () => random })
    assert.deepEqual(expected.map(() => Math.round(backoff.next())), expected)
    backoff.reset()
    assert.equal(Math.round(backoff.next()), expected[0])
  }
})

test('a bell wakes all who wait, an abort its own, and the first of several ends the others', async () => {
  const bell = createBell()
  const abort = new AbortController()
  const woken: string[] = []
  const waits = [
    bell.wait(abort.signal).then(() => woken.push('aborted')),
    bell.wait().then(() => woken.push('rung')),
    firstOf(new AbortController().signal, (inner) => [bell.wait(inner), createBell().wait(inner)]).then(() => woken.push('first')),
  ]
  abort.abort()
  await waits[0]
  assert.deepEqual(woken, ['aborted'])
  bell.ring()
  await Promise.all(waits)
  assert.deepEqual([...woken].sort(), ['aborted', 'first', 'rung'])
  await bell.wait(AbortSignal.abort())
})
