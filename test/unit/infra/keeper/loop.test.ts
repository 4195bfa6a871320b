import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pino } from 'pino'
import { createBell } from '../../../../infra/keeper/bell.ts'
import { pause, runLoops } from '../../../../infra/keeper/loop.ts'
import { waitAfter } from '../../../../infra/keeper/relay.ts'

const log = pino({ level: 'silent' })

test('a loop that fails is begun again, and the others go on', async () => {
  const stop = new AbortController()
  const runs = { failing: 0, steady: 0 }
  await runLoops([
    { name: 'failing', run: async () => { if (++runs.failing === 3) stop.abort(); else throw new Error('no') } },
    { name: 'steady', run: async (signal) => { runs.steady++; await pause(2 ** 30, signal) } },
  ], log, stop.signal)
  assert.deepEqual(runs, { failing: 3, steady: 1 })
})

test('a loop that ends by itself is begun again', async () => {
  const stop = new AbortController()
  let runs = 0
  await runLoops([{ name: 'short', run: async () => { if (++runs === 2) stop.abort() } }], log, stop.signal)
  assert.equal(runs, 2)
})

test('a bell that rang before the wait is heard', async () => {
  const bell = createBell()
  const never = new AbortController().signal
  bell.ring()
  await bell.wait(2 ** 30, never)
  const waiting = bell.wait(2 ** 30, never)
  bell.ring()
  await waiting
  const stop = new AbortController()
  const stopped = bell.wait(2 ** 30, stop.signal)
  stop.abort()
  await stopped
})

test('attempts wait twice as long each time, up to the longest', () => {
  assert.deepEqual([1, 2, 3, 10, 1000].map((attempt) => waitAfter(attempt, 60)), [0.5, 1, 2, 60, 60])
})
