import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compileTimeFormat, createTimeReader } from '../../../../edge/connectors/local-time.ts'

const utc = (iso: string) => Date.parse(iso) * 1000

test('formats', () => {
  for (const [format, text, expected] of [
    ['iso', '2026-03-01 12:00', utc('2026-03-01T12:00Z')],
    ['iso', '2026-03-01T12:00:00.000250Z', utc('2026-03-01T12:00Z') + 250],
    ['iso', '2026-03-01 12:00:00,5+02:00', utc('2026-03-01T10:00:00.5Z')],
    ['unix-s', '1700000000.25', 1_700_000_000_250_000],
    ['unix-ms', '1700000000123', 1_700_000_000_123_000],
    ['unix-us', '1700000000123456', 1_700_000_000_123_456],
    ['DD.MM.YYYY HH:mm:ss', '01.03.2026 12:00:30', utc('2026-03-01T12:00:30Z')],
    ['MM/DD/YYYY HH:mm:ss.SSS', '3/1/2026 7:05:00.125', utc('2026-03-01T07:05:00.125Z')],
    ['iso', '2026-02-30 00:00:00', 'unreadable'],
    ['iso', '2026-01-01 24:00:00', 'unreadable'],
    ['iso', '', 'unreadable'],
    ['iso', '0026-03-01 12:00:00', 'unreadable'],
    ['DD.MM.YYYY HH:mm', '01.03.0099 12:00', 'unreadable'],
    ['unix-s', '', 'unreadable'],
  ] as const) assert.equal(createTimeReader(format, 'UTC')(text), expected, `${format}: ${text}`)
  assert.equal(compileTimeFormat('HH:mm'), undefined)
  assert.equal(compileTimeFormat('YYYY-MM-DD YYYY'), undefined)
})

test('summer time: a skipped hour is a mistake, a doubled one is told apart by order', () => {
  const read = createTimeReader('iso', 'Europe/Berlin')
  assert.equal(read('2026-03-29 01:59:59'), utc('2026-03-29T00:59:59Z'))
  assert.equal(read('2026-03-29 02:30:00'), 'skipped-hour')
  assert.equal(read('2026-03-29 03:00:00'), utc('2026-03-29T01:00:00Z'))
  assert.equal(read('2026-10-25 02:30:00'), utc('2026-10-25T00:30:00Z'))
  assert.equal(read('2026-10-25 02:59:59'), utc('2026-10-25T00:59:59Z'))
  assert.equal(read('2026-10-25 02:00:00'), utc('2026-10-25T01:00:00Z'))
  assert.equal(read('2026-10-25 02:30:00'), utc('2026-10-25T01:30:00Z'))
  assert.equal(read('2026-10-25 03:00:00'), utc('2026-10-25T02:00:00Z'))
})

test('any instant, written as its zone\'s clock shows it, is read back (in the doubled hour as one of two)', () => {
  const zones = ['UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kolkata', 'Australia/Lord_Howe', 'Pacific/Chatham']
  fc.assert(fc.property(fc.constantFrom(...zones), fc.integer({ min: 946_684_800, max: 2_000_000_000 }), (zone, second) => {
    const parts = Object.fromEntries(new Intl.DateTimeFormat('en-GB', {
      timeZone: zone, hourCycle: 'h23', year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit',
    }).formatToParts(new Date(second * 1000)).map(({ type, value }) => [type, value]))
    const text = `${parts['year']}-${parts['month']}-${parts['day']} ${parts['hour']}:${parts['minute']}:${parts['second']}`
    const found = createTimeReader('iso', zone)(text)
    assert.ok(typeof found === 'number')
    const apart = Math.abs(found - second * 1e6)
    assert.ok(apart === 0 || apart === 3600e6 || apart === 1800e6, `${zone} ${text}: ${apart}`)
  }))
})
