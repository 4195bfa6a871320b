import { createHash } from 'node:crypto'
import type { Arrival } from './session.ts'

/**
 * What a broker gives again because it has not heard that we have it: a redelivery bears the mark DUP, the number of the
 * first delivery and the same bytes (MQTT 3.1.1, 4.4). Kept with the readings in one transaction, so that a kill between disk and
 * PUBACK takes nothing twice, whether the device gives times or not.
 */
export interface Redeliveries {
  /** Leaves out what has been delivered before. */
  fresh(arrivals: readonly Arrival[]): Arrival[]
  /** Fingerprints to be kept with these when they are delivered. */
  with(arrivals: readonly Arrival[]): readonly string[]
  /** These are on disk. */
  keep(fingerprints: readonly string[]): void
  /** Another session: its numbers mean something else. */
  forget(): void
}

/** Brokers keep 10 to 32 messages on their way at once unless told otherwise; one batch may hold more. */
const REMEMBERED = 256

export function createRedeliveries(stored: readonly string[]): Redeliveries {
  let known = stored
  return {
    fresh: (arrivals) => arrivals.filter((arrival) => !arrival.duplicate || arrival.packetId === undefined || !known.includes(fingerprint(arrival))),
    with(arrivals) {
      const added = arrivals.flatMap((arrival) => (arrival.packetId === undefined ? [] : [fingerprint(arrival)]))
      return added.length === 0 ? known : [...known.slice(-REMEMBERED), ...added].slice(-Math.max(REMEMBERED, added.length))
    },
    keep(fingerprints) { known = fingerprints },
    forget() { known = [] },
  }
}

function fingerprint({ packetId = 0, topic, payload }: Arrival): string {
  return `${packetId}.${createHash('sha1').update(topic).update('\0').update(payload).digest('base64url').slice(0, 12)}`
}
