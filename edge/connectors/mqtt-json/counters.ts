/** Counts since start, by their names in health. */
export const newCounters = () => ({
  connections: 0,
  /** Connections for which the broker had held what came meanwhile. */
  resumed: 0,
  messages: 0,
  /** Messages that may have waited at the broker. */
  held: 0,
  readings: 0,
  waveforms: 0,
  /** Messages that could not be read, or not all of them. */
  malformed: 0,
  /** Messages without content: the sign by which a retained one is removed. */
  empty: 0,
  /** Retained messages that were not wanted, or bear no time. */
  retained_ignored: 0,
  /** Messages that the broker sent again and that had been delivered. */
  redelivered: 0,
  /** Readings with the time, number and quality of the one before. */
  repeats: 0,
  /** Readings whose message should have had a time. */
  without_time: 0,
  not_numeric: 0,
})
export type Counters = ReturnType<typeof newCounters>
