import { refuse } from '../errors.ts'

/** Micros → RFC 3339 in UTC with microseconds, e.g. `2026-03-01T12:00:00.000250Z`. */
export function microsToIso(micros: number): string {
  const ms = Math.floor(micros / 1000)
  const rest = micros - ms * 1000
  const iso = new Date(ms).toISOString()
  return rest === 0 ? iso : `${iso.slice(0, -1)}${String(rest).padStart(3, '0')}Z`
}

/** RFC 3339 (up to microseconds, with zone) → micros. Refuses (`invalid`) what is not an instant. */
export function isoToMicros(iso: string): number {
  const match = /^(.*\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?(Z|[+-]\d{2}:?\d{2})$/.exec(iso)
  const wholeMs = match ? Date.parse(`${match[1]}${match[3]}`) : Number.NaN
  if (!match || Number.isNaN(wholeMs)) refuse('invalid', `"${iso}" is not an RFC 3339 instant; write e.g. 2026-03-01T12:00:00Z`)
  const fraction = Number((match[2] ?? '').padEnd(6, '0').slice(0, 6))
  return wholeMs * 1000 + fraction
}
