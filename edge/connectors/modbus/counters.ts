/** Counts since start, by their names in health. */
export const newCounters = () => ({
  connections: 0,
  requests: 0,
  responses: 0,
  exceptions: 0,
  timeouts: 0,
  /** Answers that are none: damaged, cut short, of another function or size. */
  malformed: 0,
  /** Frames and stray bytes that answer nothing asked: late, doubled, foreign, noise. */
  unexpected: 0,
  polls: 0,
  /** Due times that passed while an earlier poll, a full buffer or a silent unit held them up. */
  polls_missed: 0,
  readings: 0,
  /** Registers that held no number of their type. */
  invalid_values: 0,
  /** Requests refused as a whole and asked again in parts. */
  splits: 0,
})
export type Counters = ReturnType<typeof newCounters>
