import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createGatewayClock } from '../../../edge/clock.ts'

const HOUR = 3_600_000_000
const SECOND = 1_000_000

function bench() {
  const at = { even: 0, offset: 1_000 * SECOND }
  const clock = createGatewayClock({ systemUs: () => at.even + at.offset, evenUs: () => at.even })
  return { clock, at, system: () => at.even + at.offset }
}

test('small corrections of the system clock are followed', () => {
  const { clock, at, system } = bench()
  at.even += SECOND
  at.offset += 200_000
  assert.equal(clock.tick(), undefined)
  assert.equal(clock.nowUs(), system())
  assert.equal(clock.status().state, 'ok')
})

test('a jump is not followed: time goes on evenly, and the clock says that it is unsure', () => {
  for (const by of [HOUR, -HOUR]) {
    const { clock, at } = bench()
    const before = clock.nowUs()
    at.even += SECOND
    at.offset += by
    assert.equal(clock.tick()?.event, 'jumped')
    assert.equal(clock.nowUs(), before + SECOND)
    assert.deepEqual([clock.status().state, clock.status().jumps], ['unsure', 1])
  }
})

test('the platform tells which of the two is right', () => {
  const wrong = bench()
  wrong.at.offset += HOUR
  wrong.clock.tick()
  const now = wrong.clock.nowUs()
  assert.equal(wrong.clock.heard(now, now, now)?.adopted, false)
  assert.equal(wrong.clock.status().state, 'ok')
  // However long it stays wrong.
  for (let minute = 0; minute < 20; minute++) {
    wrong.at.even += 60 * SECOND
    assert.equal(wrong.clock.tick(), undefined)
  }
  wrong.at.offset -= HOUR
  assert.equal(wrong.clock.tick()?.adopted, false)
  assert.equal(wrong.clock.nowUs(), now + 20 * 60 * SECOND)
  assert.deepEqual([wrong.clock.nowUs(), wrong.clock.status().state], [wrong.system(), 'ok'])
  wrong.at.offset += 200_000
  wrong.clock.tick()
  assert.equal(wrong.clock.nowUs(), wrong.system())

  const right = bench()
  right.at.offset += HOUR
  right.clock.tick()
  const stale = right.clock.nowUs()
  assert.equal(right.clock.heard(stale, right.system(), stale)?.adopted, true)
  assert.equal(right.clock.nowUs(), right.system())
  assert.equal(right.clock.status().state, 'ok')
})

test('with nobody to ask, a new time that has stood for ten minutes is taken over', () => {
  const { clock, at, system } = bench()
  at.offset += HOUR
  clock.tick()
  at.even += 9 * 60 * SECOND
  assert.equal(clock.tick(), undefined)
  at.even += 61 * SECOND
  assert.equal(clock.tick()?.adopted, true)
  assert.equal(clock.nowUs(), system())
})

test('the skew is half of what the answer took away from the platform\'s time', () => {
  const { clock } = bench()
  clock.heard(1_000, 5_000, 2_000)
  assert.equal(clock.status().skewUs, -3_500)
})
