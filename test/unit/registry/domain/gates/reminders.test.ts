import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { remindersAt } from '../../../../../registry/domain/gates/reminders.ts'

const HOUR_US = 3_600_000_000

describe('reminders of a gate', () => {
  it('are counted from the request', () => {
    assert.deepEqual(remindersAt(0, 3600, HOUR_US - 1), { due: 0, nextUs: HOUR_US })
    assert.deepEqual(remindersAt(0, 3600, HOUR_US), { due: 1, nextUs: 2 * HOUR_US })
    assert.deepEqual(remindersAt(0, 3600, 5.5 * HOUR_US), { due: 5, nextUs: 6 * HOUR_US })
    assert.deepEqual(remindersAt(10, 3600, 0), { due: 0, nextUs: 10 + HOUR_US }, 'a clock that was set back reminds nobody')
  })

  it('are left out when they are a day late', () => {
    assert.equal(remindersAt(0, 7 * 86_400, (7 * 24 + 23) * HOUR_US).due, 1)
    assert.deepEqual(remindersAt(0, 7 * 86_400, (7 * 24 + 24) * HOUR_US), { due: 0, nextUs: 14 * 24 * HOUR_US })
  })

  it('waking at the times given brings each once', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 90 * 86_400 }), fc.integer({ min: 0, max: 2 ** 50 }), (everySeconds, requestedUs) => {
      let nowUs = requestedUs
      for (let n = 0; n < 20; n++) {
        const { due, nextUs } = remindersAt(requestedUs, everySeconds, nowUs)
        assert.equal(due, n)
        nowUs = nextUs
      }
    }))
  })
})
