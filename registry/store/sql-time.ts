/**
 * Times cross into SQL as UTC microseconds. `to_timestamp` goes through a double of seconds and loses the last digits;
 * these expressions are exact for every instant the contract allows.
 */

/** SQL for the timestamptz of a parameter or expression that holds micros, e.g. `usToTimestamp('$3')`. */
export const usToTimestamp = (micros: string): string => `(timestamptz 'epoch' + ${micros}::bigint * interval '1 microsecond')`

/** SQL for the micros (bigint, which pg returns as text) of a timestamptz expression. Null stays null. */
export const timestampToUs = (instant: string): string => `(extract(epoch from ${instant}) * 1000000)::bigint`

/** Micros between 1970 and 2000, where PostgreSQL's binary timestamps begin. */
export const POSTGRES_EPOCH_US = 946_684_800_000_000

/** Micros out of a `timestampToUs` column. */
export const toUs = (text: string): number => Number(text)

/** The same where the column may be null. */
export const toUsOrNull = (text: string | null): number | null => (text === null ? null : Number(text))

const DAY_US = 86_400_000_000

/** The UTC midnight at or before an instant: chunks never cross one. */
export const utcMidnight = (micros: number): number => Math.floor(micros / DAY_US) * DAY_US

/** The first day (YYYY-MM-01) of the UTC month of an instant: readings are partitioned by month. */
export function utcMonth(micros: number): string {
  // Asked for each chunk: the whole ISO text of a date costs ten times as much.
  const date = new Date(Math.floor(micros / 1000))
  const month = date.getUTCMonth() + 1
  return `${date.getUTCFullYear()}-${month < 10 ? '0' : ''}${month}-01`
}
