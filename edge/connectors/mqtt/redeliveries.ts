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
  /** Takes note of them; gives what is to be kept in the transaction that delivers them. */
  note(arrivals: readonly Arrival[]): readonly string[]
  /** Another session: its numbers mean something else. */
  forget(): void
}

/**
 * Longer than a connection can be dead without our noticing; what was acknowledged before is known to the broker. And
 * more than brokers keep on their way at once (10 to 32 unless told otherwise, our own 1,000).
 */
const REMEMBERED_MS = 120_000
const REMEMBERED = 1_024

interface Known { readonly print: string; readonly atMs: number }

export function createRedeliveries(stored: readonly string[], nowMs: () => number): Redeliveries {
  let known: readonly Known[] = stored.map((print) => ({ print, atMs: nowMs() }))
  let prints = new Set(stored)
  return {
    fresh: (arrivals) => arrivals.filter((arrival) => !arrival.duplicate || arrival.packetId === undefined || !prints.has(fingerprint(arrival))),
    note(arrivals) {
      const atMs = nowMs()
      const added = arrivals.flatMap((arrival) => (arrival.packetId === undefined ? [] : [{ print: fingerprint(arrival), atMs }]))
      if (added.length > 0) {
        known = [...known.filter(({ atMs: notedMs }) => atMs - notedMs < REMEMBERED_MS), ...added].slice(-REMEMBERED)
        prints = new Set(known.map(({ print }) => print))
      }
      return known.map(({ print }) => print)
    },
    forget() {
      known = []
      prints = new Set()
    },
  }
}

function fingerprint({ packetId = 0, topic, payload }: Arrival): string {
  return `${packetId}.${createHash('sha1').update(topic).update('\0').update(payload).digest('base64url').slice(0, 12)}`
}
