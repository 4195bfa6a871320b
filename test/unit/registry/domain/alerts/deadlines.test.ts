import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { nextDue, type AlertClock } from '../../../../../registry/domain/alerts/deadlines.ts'

const S = 1_000_000
const open: AlertClock = {
  state: 'unacknowledged', pages: true, calledUs: 1000 * S, overdue: false, escalationLevel: 0, shelvedUntilUs: null, returnedUs: null,
  acknowledgedUs: null, closeAfterSeconds: 60, routing: { acknowledgeWithinSeconds: 10, escalation: [{ afterSeconds: 10, to: 'lead' }, { afterSeconds: 30, to: 'owner' }] },
}

test('unanswered: overdue, then one step after the other, then silence', () => {
  assert.deepEqual(nextDue(open), { what: 'overdue', atUs: 1010 * S })
  assert.deepEqual(nextDue({ ...open, overdue: true }), { what: 'escalate', atUs: 1010 * S, level: 1, to: 'lead' })
  assert.deepEqual(nextDue({ ...open, overdue: true, escalationLevel: 1 }), { what: 'escalate', atUs: 1030 * S, level: 2, to: 'owner' })
  assert.equal(nextDue({ ...open, overdue: true, escalationLevel: 2 }), null)
})

test('shelved: nothing but the end of the shelving', () => {
  assert.deepEqual(nextDue({ ...open, shelvedUntilUs: 5000 * S }), { what: 'unshelve', atUs: 5000 * S })
})

test('what does not page escalates to nobody', () => {
  assert.equal(nextDue({ ...open, pages: false }), null)
})

test('acknowledged: waits for the signal, then closes after a while, counted from the later of the two', () => {
  const acknowledged: AlertClock = { ...open, state: 'acknowledged', acknowledgedUs: 1005 * S }
  assert.equal(nextDue(acknowledged), null)
  assert.deepEqual(nextDue({ ...acknowledged, returnedUs: 1003 * S }), { what: 'close', atUs: 1065 * S })
  assert.deepEqual(nextDue({ ...acknowledged, returnedUs: 1100 * S }), { what: 'close', atUs: 1160 * S })
})

test('back to normal but unanswered: people are still called', () => {
  assert.equal(nextDue({ ...open, state: 'returned-unacknowledged', returnedUs: 1001 * S })?.what, 'overdue')
})

test('carrying out what is due always comes to an end', () => {
  const clock = fc.record({
    state: fc.constantFrom<AlertClock['state'][]>('unacknowledged', 'acknowledged', 'returned-unacknowledged', 'closed'),
    pages: fc.boolean(), calledUs: fc.nat(1000), overdue: fc.boolean(), escalationLevel: fc.nat(3), shelvedUntilUs: fc.option(fc.nat(1000)),
    returnedUs: fc.option(fc.nat(1000)), acknowledgedUs: fc.option(fc.nat(1000)), closeAfterSeconds: fc.nat(10), routing: fc.constant(open.routing),
  })
  fc.assert(fc.property(clock, (start) => {
    let alert: AlertClock = start
    for (let steps = 0; steps < 8; steps++) {
      const due = nextDue(alert)
      if (due === null) return
      switch (due.what) {
        case 'overdue': alert = { ...alert, overdue: true }; break
        case 'escalate': alert = { ...alert, escalationLevel: due.level }; break
        case 'unshelve': alert = { ...alert, shelvedUntilUs: null }; break
        case 'close': alert = { ...alert, state: 'closed' }; break
      }
    }
    assert.fail('it goes on for ever')
  }))
})
