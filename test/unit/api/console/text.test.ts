import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { agoText, exactText, momentText, readable, zoneName } from '../../../../api/console/client/text/time.ts'
import { unitText } from '../../../../api/console/client/text/unit.ts'
import { counted } from '../../../../registry/domain/counted.ts'

const now = Date.UTC(2026, 10, 22, 14, 5, 9)
const MIN = 60_000

describe('times', () => {
  it('have 24 hours, the day when it is not today, and the year when it is not this one', () => {
    assert.equal(momentText(Date.UTC(2026, 10, 22, 0, 7), now, 'utc'), '00:07')
    assert.equal(momentText(Date.UTC(2026, 10, 21, 23, 59), now, 'utc'), '21 Nov 23:59')
    assert.equal(momentText(Date.UTC(2025, 1, 3, 15, 0), now, 'utc'), '3 Feb 2025 15:00')
  })

  it('are exact on request, and say their zone', () => {
    assert.equal(exactText(now, 'utc'), 'Sun 22 Nov 2026 14:05:09 UTC')
    const offset = -new Date(now).getTimezoneOffset()
    assert.equal(zoneName(now, 'local') === 'UTC', offset === 0)
    assert.ok(exactText(now, 'local').endsWith(zoneName(now, 'local')))
  })

  it('say how long ago, or in how long', () => {
    assert.equal(agoText(now - 20_000, now), 'just now')
    assert.equal(agoText(now - 5 * MIN, now), '5 min ago')
    assert.equal(agoText(now - 61 * MIN, now), '1 h ago')
    assert.equal(agoText(now - 8 * 24 * 60 * MIN, now), '8 days ago')
    assert.equal(agoText(now + 3 * 60 * MIN, now), 'in 3 h')
  })

  it('replace instants and digests inside a sentence', () => {
    assert.equal(readable(`raised for 2026-11-14T01:30:00.000Z, sha256 ${'ab'.repeat(32)}`, now, 'utc'), 'raised for 14 Nov 01:30, sha256 abababab')
  })
})

describe('words', () => {
  it('count one as one', () => {
    assert.deepEqual([counted(1, 'window'), counted(0, 'window'), counted(2, 'entry', 'entries')], ['1 window', '0 windows', '2 entries'])
  })
  it('write units as people do', () => {
    assert.deepEqual(['Cel', 'm3/h', '1', 'bar'].map(unitText), ['°C', 'm³/h', '', 'bar'])
  })
})
