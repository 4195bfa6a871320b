export type Zone = 'local' | 'utc'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const WEEKDAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']

const offsetMinutes = (ms: number, zone: Zone) => (zone === 'utc' ? 0 : -new Date(ms).getTimezoneOffset())
/** A date whose UTC fields are the wall clock of the zone. */
const wallOf = (ms: number, zone: Zone) => new Date(ms + offsetMinutes(ms, zone) * MINUTE)
const two = (n: number) => String(n).padStart(2, '0')

/** `UTC`, or `UTC+02:00` where the reader's own clock differs from it at that moment. */
export function zoneName(ms: number, zone: Zone): string {
  const offset = offsetMinutes(ms, zone)
  return offset === 0 ? 'UTC' : `UTC${offset > 0 ? '+' : '−'}${two(Math.floor(Math.abs(offset) / 60))}:${two(Math.abs(offset) % 60)}`
}

/** `14:05` today, `2 Nov 14:05` this year, `2 Nov 2025 14:05` otherwise. */
export function momentText(ms: number, nowMs: number, zone: Zone): string {
  const at = wallOf(ms, zone)
  const now = wallOf(nowMs, zone)
  const clock = `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}`
  if (at.toISOString().slice(0, 10) === now.toISOString().slice(0, 10)) return clock
  const day = `${at.getUTCDate()} ${MONTHS[at.getUTCMonth()] ?? ''}`
  return at.getUTCFullYear() === now.getUTCFullYear() ? `${day} ${clock}` : `${day} ${at.getUTCFullYear()} ${clock}`
}

/** To the second, with day of the week and zone. */
export function exactText(ms: number, zone: Zone): string {
  const at = wallOf(ms, zone)
  return `${WEEKDAYS[at.getUTCDay()] ?? ''} ${at.getUTCDate()} ${MONTHS[at.getUTCMonth()] ?? ''} ${at.getUTCFullYear()} `
    + `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())} ${zoneName(ms, zone)}`
}

/** `5 min`, `3 h`, `12 days`: one unit, rounded down. */
export function spanText(ms: number): string {
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} min`
  if (ms < 2 * DAY) return `${Math.floor(ms / HOUR)} h`
  if (ms < 60 * DAY) return `${Math.floor(ms / DAY)} days`
  if (ms < 730 * DAY) return `${Math.floor(ms / (30.44 * DAY))} months`
  return `${Math.floor(ms / (365.25 * DAY))} years`
}

/** How long something lasted: as a span, in seconds where it is short. */
export function durationText(ms: number): string {
  return ms >= MINUTE ? spanText(ms) : ms < 1000 ? 'a moment' : `${Math.round(ms / 1000)} s`
}

/** `5 min ago`, `in 3 h`, `just now`. */
export function agoText(ms: number, nowMs: number): string {
  const away = Math.abs(nowMs - ms)
  if (away < MINUTE) return ms <= nowMs ? 'just now' : 'in less than a minute'
  return ms <= nowMs ? `${spanText(away)} ago` : `in ${spanText(away)}`
}

/** Instants and digests inside a sentence of the platform, shortened for the eye; the sentence itself belongs in a title. */
export function readable(text: string, nowMs: number, zone: Zone): string {
  return text
    .replace(/\b([0-9a-f]{8})[0-9a-f]{56}\b/g, '$1')
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, (iso) => momentText(Date.parse(iso), nowMs, zone))
}
