import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { test } from 'node:test'
import { untilAborted } from '../../../edge/bell.ts'

test('a wait that the signal ends early gives what comes first, and leaves no listener on the signal', async () => {
  const abort = new AbortController()
  for (let round = 0; round < 100; round++) {
    assert.equal(await untilAborted(abort.signal, Promise.resolve(round)), round)
    await assert.rejects(untilAborted(abort.signal, Promise.reject(new Error('lost'))), /lost/)
  }
  assert.equal(getEventListeners(abort.signal, 'abort').length, 0)
  const waiting = untilAborted(abort.signal, new Promise<never>(() => {}))
  abort.abort()
  assert.equal(await waiting, undefined)
  assert.equal(await untilAborted(abort.signal, new Promise<never>(() => {})), undefined)
  assert.equal(getEventListeners(abort.signal, 'abort').length, 0)
})
