import { inMicros, type EpochUnit } from './epoch.ts'

/** A wall-clock time as a file writes it; `offsetMinutes` where it names its offset from UTC. */
interface Written {
  /** The wall clock read as if it were UTC, in microseconds. */
  readonly wallUs: number
  readonly offsetMinutes: number | null
}
type Reader = (text: string) => Written | undefined

const ISO = /^(\d{4})-(\d{2})-(\d{2})[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s*(Z|[+-]\d{2}:?\d{2})?$/
const UNIX: Readonly<Record<string, EpochUnit>> = { 'unix-s': 's', 'unix-ms': 'ms', 'unix-us': 'us' }
const TOKENS: Record<string, string> = {
  YYYY: '(?<year>\\d{4})', MM: '(?<month>\\d{1,2})', DD: '(?<day>\\d{1,2})', HH: '(?<hour>\\d{1,2})', mm: '(?<minute>\\d{2})', ss: '(?<second>\\d{2})',
  SSS: '(?<fraction>\\d{1,9})',
}

/** Reader of `iso`, `unix-s`, `unix-ms`, `unix-us` or a pattern such as `DD.MM.YYYY HH:mm:ss`; undefined when it is none. */
export function compileTimeFormat(format: string): Reader | undefined {
  if (format === 'iso') return readIso
  const unit = UNIX[format]
  if (unit !== undefined) {
    return (text) => {
      const value = text.trim() === '' ? NaN : Number(text)
      return Number.isFinite(value) ? { wallUs: Math.round(inMicros(value, unit)), offsetMinutes: 0 } : undefined
    }
  }
  const tokens: readonly string[] = format.match(/YYYY|MM|DD|HH|mm|ss|SSS/g) ?? []
  if (new Set(tokens).size !== tokens.length || !['YYYY', 'MM', 'DD'].every((token) => tokens.includes(token))) return undefined
  const source = format.split(/(YYYY|MM|DD|HH|mm|ss|SSS)/).map((part) => TOKENS[part] ?? part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('')
  const pattern = new RegExp(`^${source}$`)
  return (text) => {
    const parts = pattern.exec(text)?.groups
    return parts && written(parts['year'], parts['month'], parts['day'], parts['hour'], parts['minute'], parts['second'], parts['fraction'], null)
  }
}

function readIso(text: string): Written | undefined {
  const match = ISO.exec(text)
  if (!match) return undefined
  const [, year, month, day, hour, minute, second, fraction, zone] = match
  return written(year, month, day, hour, minute, second, fraction, zone === undefined ? null : offsetOf(zone))
}

/** UTC microseconds of an ISO time that names its offset; NaN for anything else. */
export function readIsoInstant(text: string): number {
  const time = readIso(text)
  return time && time.offsetMinutes !== null ? time.wallUs - time.offsetMinutes * 60e6 : NaN
}

function offsetOf(zone: string): number {
  if (zone === 'Z') return 0
  const digits = zone.replace(':', '')
  return (digits.startsWith('-') ? -1 : 1) * (Number(digits.slice(1, 3)) * 60 + Number(digits.slice(3, 5)))
}

function written(
  year = '0', month = '1', day = '1', hour = '0', minute = '0', second = '0', fraction = '', offsetMinutes: number | null = null,
): Written | undefined {
  // Date.UTC takes the years 0 to 99 for 1900 to 1999; no machine measured anything then.
  if (Number(year) < 100) return undefined
  const ms = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second))
  const back = new Date(ms)
  // Date.UTC rolls the 31st of April over to May; a file that says so is wrong.
  if (back.getUTCMonth() !== Number(month) - 1 || back.getUTCDate() !== Number(day) || back.getUTCHours() !== Number(hour)
    || back.getUTCMinutes() !== Number(minute) || back.getUTCSeconds() !== Number(second)) return undefined
  return { wallUs: ms * 1000 + Number(fraction.padEnd(6, '0').slice(0, 6)), offsetMinutes }
}

export function isTimeZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en-GB', { timeZone: zone })
    return true
  } catch {
    return false
  }
}

export type TimeProblem = 'unreadable' | 'skipped-hour'

/**
 * Turns the times of one file, row by row, into UTC microseconds. A wall time that the clocks skip in spring is a
 * problem; one that they show twice in autumn is the first of the two, unless that would go back
 * behind the row before: then the clocks have been turned back, and it is the second.
 */
export function createTimeReader(format: string, zone: string): (text: string) => number | TimeProblem {
  const read = compileTimeFormat(format)
  if (!read) throw new Error(`the time format ${format} was not checked`)
  const offsets = createOffsets(zone)
  let previous = -Infinity
  return (text) => {
    const time = read(text.trim())
    if (!time) return 'unreadable'
    const found = time.offsetMinutes !== null ? time.wallUs - time.offsetMinutes * 60e6 : resolve(time.wallUs)
    if (typeof found === 'number') previous = found
    return found
  }

  function resolve(wallUs: number): number | TimeProblem {
    const candidates = offsets(wallUs)
    const [first, second] = candidates
    if (first === undefined) return 'skipped-hour'
    return second !== undefined && first < previous && second >= previous ? second : first
  }
}

const HOUR_US = 3600e6

/** For a wall time, the UTC instants at which a clock of the zone shows it: one, in spring none, in autumn two. */
function createOffsets(zone: string): (wallUs: number) => number[] {
  if (zone === 'UTC') return (wallUs) => [wallUs]
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone: zone, hourCycle: 'h23', year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit',
  })
  const offsetAt = (utcUs: number): number => {
    const parts = Object.fromEntries(format.formatToParts(new Date(utcUs / 1000)).map(({ type, value }) => [type, Number(value)]))
    const wall = Date.UTC(parts['year'] ?? 0, (parts['month'] ?? 1) - 1, parts['day'] ?? 1, parts['hour'] ?? 0, parts['minute'] ?? 0, parts['second'] ?? 0)
    return wall * 1000 - Math.floor(utcUs / 1e6) * 1e6
  }
  // Offsets change at whole quarter hours, and asking Intl for each row would cost more than all else.
  const quarter = HOUR_US / 4
  const cache = new Map<number, number[]>()
  return (wallUs) => {
    const slot = Math.floor(wallUs / quarter)
    let shifts = cache.get(slot)
    if (!shifts) {
      const possible = new Set([offsetAt(slot * quarter - 26 * HOUR_US), offsetAt(slot * quarter + 26 * HOUR_US)])
      shifts = [...possible].filter((shift) => offsetAt(slot * quarter - shift) === shift).sort((a, b) => b - a)
      if (cache.size > 10_000) cache.clear()
      cache.set(slot, shifts)
    }
    return shifts.map((shift) => wallUs - shift)
  }
}
