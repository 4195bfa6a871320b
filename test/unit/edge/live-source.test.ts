import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pino } from 'pino'
import { packReadings } from '../../../edge/connectors/blocks.ts'
import { createLiveSource } from '../../../edge/live-source.ts'
import type { Outlet, Source } from '../../../edge/source.ts'
import { createCollectingOutlet } from '../../helpers/collecting-outlet.ts'

/** A source whose runs a test plays: each waits until it is told how it goes on. */
function played() {
  let outlet: Outlet | undefined
  let lose: (error: Error) => void = () => {}
  let begun: () => void = () => {}
  let next = new Promise<void>((resolve) => { begun = resolve })
  const source: Source = {
    id: 'plc', mode: 'live', map: { version: 1, tags: [{ address: 'a', tag: 'pump-1/a', kind: 'scalar', unit: '1', canonicalUnit: '1', scale: 1, offset: 0 }] },
    health: () => ({ state: 'ok', detail: null, counters: {} }),
    async run(given, signal) {
      outlet = given
      begun()
      await new Promise<void>((resolve, reject) => {
        lose = reject
        signal.addEventListener('abort', () => { resolve() })
      })
    },
  }
  return {
    source,
    outlet: () => outlet ?? assert.fail('it does not run'),
    fail: async (why: string) => {
      next = new Promise<void>((resolve) => { begun = resolve })
      lose(new Error(why))
      await next
    },
    begun: () => next,
  }
}

test('a lost source is down, with the reason, until its machine is reached again: with a reading or without one', async () => {
  const { source, outlet, fail, begun } = played()
  const abort = new AbortController()
  const collected = createCollectingOutlet()
  const live = createLiveSource({ source, outlet: collected, log: pino({ level: 'silent' }), nowUs: () => 7, firstRetryMs: 1, longestRetryMs: 1 })
  const ended = live.run(abort.signal)
  await begun()
  const stand = () => [live.health().state, live.health().detail]
  await fail('the cable is cut')
  assert.deepEqual(stand(), ['down', 'the cable is cut'])
  outlet().connected()
  assert.deepEqual(stand(), ['ok', null])
  await fail('no power')
  assert.equal(collected.deliveries.length, 0, 'a machine that has said nothing is not marked as silent')
  assert.deepEqual(stand(), ['down', 'no power'])
  await outlet().deliver({ blocks: [packReadings([{ address: 'a', sourceUs: 1, raw: 1, quality: 0 }])] })
  assert.deepEqual(stand(), ['ok', null])
  await fail('no power again')
  assert.equal(collected.deliveries.length, 2, 'its reading, and the mark of its silence')
  abort.abort()
  await ended
})
