/** Counts since start, by their names in health. */
export const newCounters = () => ({
  connections: 0,
  messages: 0,
  readings: 0,
  /** Readings that a node kept while it could not send. */
  historical: 0,
  births: 0,
  rebirth_requests: 0,
  /** Messages of nodes that are not mapped. */
  unmapped: 0,
  /** Topics a host has no use of. */
  other_topics: 0,
  malformed: 0,
  retained_ignored: 0,
  /** Messages that did not come, however long their successors were held. */
  sequence_gaps: 0,
  /** Messages held because they came before what should come first. */
  reordered: 0,
  /** Held messages that were let go. */
  dropped_messages: 0,
  duplicates: 0,
  /** Messages older than the birth in force. */
  stale_messages: 0,
  /** Deaths of connections that have long had a successor. */
  stale_deaths: 0,
  without_birth: 0,
  without_seq: 0,
  /** Metrics in data that the birth did not declare. */
  unknown_metrics: 0,
  not_numeric: 0,
})
export type Counters = ReturnType<typeof newCounters>
