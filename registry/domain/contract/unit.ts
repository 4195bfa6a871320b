import { UcumLhcUtils } from '@lhncbc/ucum-lhc'
import { refuse } from '../errors.ts'

/** canonical = given · factor + offset. */
export interface LinearConversion { readonly factor: number; readonly offset: number }

/**
 * How devices and spreadsheets spell units that UCUM spells otherwise. Only spellings without another meaning in UCUM:
 * "C" is the coulomb and "F" the farad there, and stay so.
 */
const USUAL_SPELLINGS: Readonly<Record<string, string>> = {
  '°c': 'Cel', degc: 'Cel', 'deg c': 'Cel', celsius: 'Cel', '°f': '[degF]', degf: '[degF]', fahrenheit: '[degF]', kelvin: 'K',
  rpm: '/min', 'r/min': '/min', 'rev/min': '/min', cpm: '/min', hz: 'Hz', khz: 'kHz',
  'm/s^2': 'm/s2', 'm/s²': 'm/s2', 'mm/s^2': 'mm/s2', ips: '[in_i]/s', inch: '[in_i]', in: '[in_i]', ft: '[ft_i]', mil: '[mil_i]', mils: '[mil_i]',
  psi: '[psi]', psig: '[psi]', mpa: 'MPa', kpa: 'kPa', mbar: 'mbar', 'kg/cm2': 'kgf/cm2', atm: 'atm',
  gpm: '[gal_us]/min', lpm: 'L/min', 'l/min': 'L/min', 'm³/h': 'm3/h', 'm^3/h': 'm3/h', cfm: '[cft_i]/min',
  hp: '[HP]', kw: 'kW', mw: 'MW', volt: 'V', volts: 'V', amp: 'A', amps: 'A', ampere: 'A', ma: 'mA', ohm: 'Ohm', percent: '%', ppm: '[ppm]',
}

const ucum = UcumLhcUtils.getInstance()
const conversions = new Map<string, LinearConversion>()
const known = new Set<string>()

/** Refuses (`unit_unknown`, with a suggestion where there is one) what is not a UCUM unit. */
export function checkUnit(unit: string, where = 'unit'): void {
  if (known.has(unit)) return
  // No UCUM code has blanks, and the library writes to the console about them.
  const answer = unit === '' || /\s/.test(unit) ? undefined : ucum.validateUnitString(unit, true)
  if (answer?.status === 'valid') {
    known.add(unit)
    return
  }
  const suggestions = suggestUnits(unit, answer)
  refuse('unit_unknown', `${where}: "${unit}" is not a UCUM unit; ${suggestions.length > 0
    ? `did you mean ${suggestions.map((code) => `"${code}"`).join(' or ')}?`
    : 'see https://ucum.org for the codes, e.g. Cel, mm/s, bar, A.'}`, { unit, suggestions })
}

/**
 * Factor and offset from one UCUM unit to another. Refuses `unit_unknown` for what is no unit, and `unprocessable` for
 * units of different dimensions or a scale that is not linear (pH, decibel).
 */
export function linearConversion(from: string, to: string, where = 'unit'): LinearConversion {
  const key = `${from}\n${to}`
  const before = conversions.get(key)
  if (before) return before
  checkUnit(from, where)
  checkUnit(to, where)
  const conversion = from === to ? { factor: 1, offset: 0 } : measure(from, to, where)
  conversions.set(key, conversion)
  return conversion
}

/** Whether readings in `from` can be stored in `to`. */
export function convertible(from: string, to: string): boolean {
  try {
    linearConversion(from, to)
    return true
  } catch {
    return false
  }
}

/** The library converts one value at a time; two points give the line and a third shows that it is one. */
function measure(from: string, to: string, where: string): LinearConversion {
  const offset = convert(from, 0, to, where)
  const one = convert(from, 1, to, where)
  // Past an offset of some hundred kelvins the slope loses digits; a far point, a power of two away, keeps them.
  const far = 2 ** 20
  const factor = offset === 0 ? one : (convert(from, far, to, where) - offset) / far
  const isLinear = [1, 3, 1000].every((x) => {
    const expected = factor * x + offset
    return Math.abs(convert(from, x, to, where) - expected) <= 1e-9 * Math.max(Math.abs(expected), Math.abs(offset), Math.abs(factor))
  })
  if (!Number.isFinite(factor) || factor === 0 || !isLinear) {
    refuse('unprocessable', `${where}: "${from}" to "${to}" is not a linear conversion; store the tag in "${from}" instead.`, { from, to })
  }
  return { factor, offset }
}

function convert(from: string, value: number, to: string, where: string): number {
  const answer = ucum.convertUnitTo(from, value, to)
  if (answer.status !== 'succeeded' || answer.toVal === null) {
    return refuse('unprocessable', `${where}: "${from}" cannot be converted to "${to}": they measure different things.`, { from, to })
  }
  return answer.toVal
}

function suggestUnits(unit: string, answer: ReturnType<typeof ucum.validateUnitString> | undefined): string[] {
  const usual = USUAL_SPELLINGS[unit.trim().toLowerCase()]
  const cases = [unit.toLowerCase(), unit.replace(/\^/g, ''), unit.replace(/²/g, '2').replace(/³/g, '3'), `[${unit}]`]
    .filter((guess) => guess !== unit && guess !== '' && !/\s/.test(guess) && ucum.validateUnitString(guess, false).status === 'valid')
  const theirs = (answer?.suggestions ?? []).flatMap(({ units }) => units.map(([code]) => code))
  return [...new Set([...usual === undefined ? [] : [usual], ...cases, ...theirs])].filter((code) => code !== '').slice(0, 3)
}
