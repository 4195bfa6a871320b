/** Counts since start, by their names in health. */
export const newCounters = () => ({
  requests: 0,
  readings: 0,
  waveforms: 0,
  /** Readings and waveforms that could not be taken as they were sent; told with place and cure. */
  refused: 0,
  /** Requests that came again under the same Idempotency-Key. */
  repeated: 0,
  /** Bodies that are no JSON, no lines, no gzip, or of no shape there is. */
  malformed: 0,
  too_large: 0,
  unsupported: 0,
  unauthenticated: 0,
  over_rate: 0,
  /** Told to come again: all places taken, the buffer full, the disk taking nothing. */
  put_off: 0,
  /** Cut off by the machine, or too slow. */
  broken_off: 0,
})
export type Counters = ReturnType<typeof newCounters>
