import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createCadence } from '../../../../../edge/connectors/modbus/cadence.ts'

test('keeps to its grid, skips what it is too late for, and counts it', () => {
  const cadence = createCadence(1_000, 100)
  assert.equal(cadence.dueMs(), 1_000)
  assert.equal(cadence.begin(1_003), 0)
  assert.equal(cadence.dueMs(), 1_100)
  assert.equal(cadence.begin(1_350), 2)
  assert.equal(cadence.dueMs(), 1_400)
})

test('no drift and nothing lost: every due time is either served or counted, however late each poll is', () => {
  fc.assert(fc.property(fc.integer({ min: 10, max: 5_000 }), fc.array(fc.nat(20_000), { maxLength: 100 }), (everyMs, delays) => {
    const cadence = createCadence(0, everyMs)
    let served = 0
    let missed = 0
    let nowMs = 0
    for (const delay of delays) {
      nowMs = Math.max(nowMs + delay, cadence.dueMs())
      missed += cadence.begin(nowMs)
      served += 1
      assert.equal(cadence.dueMs() % everyMs, 0)
      assert.ok(cadence.dueMs() > nowMs && cadence.dueMs() <= nowMs + everyMs)
      assert.equal(served + missed, Math.floor(nowMs / everyMs) + 1)
    }
  }))
})
