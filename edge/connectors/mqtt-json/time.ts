import { inMicros, type EpochUnit } from '../epoch.ts'
import { compileTimeFormat, createTimeReader } from '../local-time.ts'
import type { MessageShape } from './config.ts'

type TimeShape = NonNullable<MessageShape['time']>

/** The last moment that microseconds hold exactly. */
export const LAST_US = 2 ** 53

/** Reads the times of one kind of message: UTC microseconds; null when there is none. Throws a plain Error when it is no time. */
export function createInstantReader({ is, zone }: TimeShape): (value: unknown) => number | null {
  const read = is === 'iso' ? isoReader(zone) : epochReader(is)
  return (value) => {
    if (value === undefined || value === null || value === '') return null
    const us = read(value)
    if (us > LAST_US) throw new Error(`the time ${show(value)} is beyond the year 2255`)
    // Zero is what a device sends whose clock has never been set.
    return us <= 0 ? null : us
  }
}

function isoReader(zone: string | undefined): (value: unknown) => number {
  const readLocal = createTimeReader('iso', zone ?? 'UTC')
  const readPlain = compileTimeFormat('iso')
  return (value) => {
    if (typeof value !== 'string') throw new Error(`the time ${show(value)} is no ISO time; where it counts from 1970, write time: { at: …, is: ms }`)
    if (zone === undefined && readPlain?.(value.trim())?.offsetMinutes === null) throw new Error(`the time ${show(value)} names no offset from UTC; write time: { at: …, zone: Europe/Berlin }`)
    const us = readLocal(value)
    if (typeof us === 'number') return us
    throw new Error(us === 'skipped-hour' ? `the time ${show(value)} was never on the clock in ${zone ?? ''}` : `the time ${show(value)} cannot be read as ISO 8601`)
  }
}

function epochReader(unit: EpochUnit): (value: unknown) => number {
  return (value) => {
    const number = typeof value === 'number' ? value : typeof value === 'string' && /^\d{1,25}(\.\d{1,25})?$/.test(value) ? Number(value) : NaN
    const us = Math.round(inMicros(number, unit))
    if (!Number.isFinite(us)) throw new Error(`the time ${show(value)} is no count of ${unit} since 1970`)
    return us
  }
}

const show = (value: unknown) => (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? `"${value}"`.slice(0, 40) : 'given')
