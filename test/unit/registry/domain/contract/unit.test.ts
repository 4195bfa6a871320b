import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { checkUnit, convertible, linearConversion } from '../../../../../registry/domain/contract/unit.ts'
import { DomainError } from '../../../../../registry/domain/errors.ts'

const refusal = (code: string, pattern: RegExp) => (error: unknown) =>
  error instanceof DomainError && error.code === code && pattern.test(error.message)

test('known conversions come out right', () => {
  const cases: [string, number, string, number][] = [
    ['[degF]', 131, 'Cel', 55], ['K', 273.15, 'Cel', 0], ['[g]', 2, 'm/s2', 19.6133], ['bar', 1, 'kPa', 100],
    ['L/min', 1000, 'm3/h', 60], ['%', 50, '1', 0.5], ['um/s', 1, 'mm/s', 0.001], ['/min', 1500, 'Hz', 25], ['[in_i]/s', 1, 'mm/s', 25.4],
  ]
  for (const [from, given, to, expected] of cases) {
    const { factor, offset } = linearConversion(from, to)
    assert.ok(Math.abs(given * factor + offset - expected) < 1e-9, `${given} ${from} → ${given * factor + offset} ${to}, not ${expected}`)
  }
})

test('the same unit is left exactly as it is', () => {
  assert.deepEqual(linearConversion('Cel', 'Cel'), { factor: 1, offset: 0 })
})

test('there and back again is where one started', () => {
  const pairs = [['[degF]', 'Cel'], ['bar', '[psi]'], ['mm/s', '[in_i]/s'], ['kW', '[HP]']] as const
  fc.assert(fc.property(fc.constantFrom(...pairs), fc.double({ min: -1e6, max: 1e6, noNaN: true }), ([from, to], x) => {
    const there = linearConversion(from, to)
    const back = linearConversion(to, from)
    const again = (x * there.factor + there.offset) * back.factor + back.offset
    return Math.abs(again - x) <= 1e-9 * Math.max(1, Math.abs(x))
  }))
})

test('a wrong unit is refused with the place and a suggestion', () => {
  assert.throws(() => checkUnit('°C', 'tag pump-1/temp'), refusal('unit_unknown', /tag pump-1\/temp: "°C".*"Cel"/))
  assert.throws(() => checkUnit('rpm'), refusal('unit_unknown', /"\/min"/))
  assert.throws(() => checkUnit('Bar'), refusal('unit_unknown', /"bar"/))
  assert.throws(() => checkUnit('m/s^2'), refusal('unit_unknown', /"m\/s2"/))
  assert.throws(() => checkUnit('bananas'), refusal('unit_unknown', /ucum\.org/))
  assert.throws(() => checkUnit('  '), refusal('unit_unknown', /is not a UCUM unit/))
})

test('every suggestion is itself a unit', () => {
  for (const spelling of ['°C', 'degf', 'rpm', 'PSI', 'gpm', 'cfm', 'mils', 'hp', 'kg/cm2', 'ips', 'ohm', 'ppm', 'm³/h', 'atm', 'mA ']) {
    try {
      checkUnit(spelling)
    } catch (error) {
      const { suggestions } = (error as DomainError).details as { suggestions: string[] }
      for (const suggestion of suggestions) checkUnit(suggestion)
    }
  }
})

test('what does not convert linearly is refused', () => {
  assert.throws(() => linearConversion('bar', 'Cel'), refusal('unprocessable', /different things/))
  assert.throws(() => linearConversion('dB', '1'), refusal('unprocessable', /not a linear/))
  assert.equal(convertible('bar', 'Cel'), false)
  assert.equal(convertible('bar', 'kPa'), true)
  assert.equal(convertible('nonsense', 'kPa'), false)
})
