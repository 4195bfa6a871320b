import { EARLIEST_US, FUTURE_TOLERANCE_US } from '../../../registry/domain/ingest/check-run.ts'
import { inMicros, type EpochUnit } from '../epoch.ts'
import { readIsoInstant } from '../local-time.ts'
import { faulty } from './answer.ts'

const INSTANT = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:?\d{2})$/
/** A gateway whose own clock stands before this was never set: it has no business judging others. */
const CLOCK_SET_US = Date.UTC(2025, 0, 1) * 1000

/**
 * UTC microseconds of a time as a machine gives it; null when it gives none. Refuses (`invalid`) what is no time, and what
 * the platform would set aside: before 1990, or ahead of the gateway's clock by more than five minutes.
 */
export function readTime(given: unknown, numericTime: EpochUnit, nowUs: number): number | null {
  if (given === undefined || given === null) return null
  const us = typeof given === 'number' ? Math.floor(inMicros(given, numericTime)) : typeof given === 'string' && INSTANT.test(given) ? readIsoInstant(given.toUpperCase()) : NaN
  if (!Number.isSafeInteger(us)) {
    return faulty(`${shown(given)} is not a time; send RFC 3339 with its zone, e.g. "2026-03-01T12:00:00.250Z", or a number of ${numericTime} since 1970, or leave it out`)
  }
  if (us < EARLIEST_US) {
    return faulty(`the time ${shown(given)} lies before 1990; set the machine's clock, or leave the time out${typeof given === 'number' ? `; numbers count ${numericTime} here (numericTime in the site file)` : ''}`)
  }
  if (us > nowUs + FUTURE_TOLERANCE_US && nowUs > CLOCK_SET_US) {
    return faulty(`the time ${shown(given)} lies ${Math.round((us - nowUs) / 1e6)} s ahead of the gateway's clock; set the machine's clock, or leave the time out${typeof given === 'number' ? `; numbers count ${numericTime} here (numericTime in the site file)` : ''}`)
  }
  return us
}

/** What machines send is shown short, and as JSON, so that nothing of it can do harm in a log. */
export function shown(given: unknown): string {
  const text = typeof given === 'number' ? String(given) : JSON.stringify(given) ?? typeof given
  return text.length > 60 ? `${text.slice(0, 60)}…` : text
}
