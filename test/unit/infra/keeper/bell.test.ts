import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { test } from 'node:test'
import { createBell } from '../../../../infra/keeper/bell.ts'

test('a wait ends by a ring, by its time and by the signal', async () => {
  const bell = createBell()
  const stopping = new AbortController()
  const rung = bell.wait(60_000, stopping.signal)
  bell.ring()
  await rung
  await bell.wait(1, stopping.signal)
  const stopped = bell.wait(60_000, stopping.signal)
  stopping.abort()
  await stopped
  await bell.wait(60_000, stopping.signal)
})

test('a ring between two waits is not lost, and counts once', async () => {
  const bell = createBell()
  const { signal } = new AbortController()
  bell.ring()
  bell.ring()
  await bell.wait(60_000, signal)
  let over = false
  const next = bell.wait(60_000, signal).then(() => { over = true })
  await new Promise(setImmediate)
  assert.equal(over, false)
  bell.ring()
  await next
})

test('waits leave nothing with a signal that outlives them', async () => {
  const bell = createBell()
  const { signal } = new AbortController()
  for (let i = 0; i < 100; i++) {
    const wait = bell.wait(60_000, signal)
    bell.ring()
    await wait
  }
  assert.deepEqual(getEventListeners(signal, 'abort'), [])
  // Where Node keeps what `AbortSignal.any` made of it, for good.
  const held = Object.getOwnPropertySymbols(signal).map((key) => (signal as unknown as Record<symbol, { readonly size?: number } | null | undefined>)[key])
  assert.deepEqual(held.filter((one) => (one?.size ?? 0) > 0), [])
})
