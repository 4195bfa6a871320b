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
  note(arrivals: readonly Arrival[]): RedeliveryNote
  /** Another session: its numbers mean something else. */
  forget(): void
}

/** Fingerprints are numbered; those from `from` to before `count` mean something. They are kept in pages: a delivery writes one or two. */
export interface KeptPrints { readonly count: number; readonly from: number }
export interface PrintPage { readonly index: number; readonly prints: readonly string[] }
export interface RedeliveryNote { readonly kept: KeptPrints; readonly pages: readonly PrintPage[] }

/** What a former run kept; earlier versions kept a list of all. */
export interface StoredPrints {
  readonly kept: KeptPrints | readonly string[] | undefined
  readonly page: (index: number) => readonly string[] | undefined
}

/**
 * Longer than a connection can be dead without our noticing; what was acknowledged before is known to the broker. And
 * more than brokers keep on their way at once (10 to 32 unless told otherwise, our own 1,000).
 */
const REMEMBERED_MS = 120_000
const REMEMBERED = 1_024
const PAGE = 32
/** One more than are full: the newest is being written over the oldest. */
const PAGES = REMEMBERED / PAGE + 1

interface Known { readonly print: string; readonly atMs: number }

export function createRedeliveries(stored: StoredPrints, nowMs: () => number): Redeliveries {
  const { prints: before, count: counted, unwritten } = readStored(stored)
  let known: readonly Known[] = before.map((print) => ({ print, atMs: nowMs() }))
  let prints = new Set(before)
  let count = counted
  /** From which number on fingerprints are not in pages yet. */
  let written = unwritten ? count - before.length : count
  const kept = (): KeptPrints => ({ count, from: count - known.length })

  function pagesSince(first: number): PrintPage[] {
    const pages: PrintPage[] = []
    for (let page = Math.floor(first / PAGE); page * PAGE < count; page++) {
      const [start, end] = [page * PAGE, Math.min(count, (page + 1) * PAGE)]
      // What has been forgotten leaves its place empty: numbers stay where they are.
      pages.push({ index: page % PAGES, prints: Array.from({ length: end - start }, (_, i) => known[start + i - (count - known.length)]?.print ?? '') })
    }
    return pages
  }

  return {
    fresh: (arrivals) => arrivals.filter((arrival) => !arrival.duplicate || arrival.packetId === undefined || !prints.has(fingerprint(arrival))),
    note(arrivals) {
      const atMs = nowMs()
      const added = arrivals.flatMap((arrival) => (arrival.packetId === undefined ? [] : [{ print: fingerprint(arrival), atMs }]))
      if (added.length === 0) return { kept: kept(), pages: [] }
      known = [...known.filter(({ atMs: notedMs }) => atMs - notedMs < REMEMBERED_MS), ...added].slice(-REMEMBERED)
      prints = new Set(known.map(({ print }) => print))
      count += added.length
      const pages = pagesSince(Math.max(written, count - known.length))
      written = count
      return { kept: kept(), pages }
    },
    forget() {
      known = []
      prints = new Set()
    },
  }
}

function readStored({ kept, page }: StoredPrints): { prints: readonly string[]; count: number; unwritten: boolean } {
  if (kept === undefined) return { prints: [], count: 0, unwritten: false }
  if (!('count' in kept)) return { prints: kept, count: kept.length, unwritten: true }
  const { count, from } = kept
  const prints = Array.from({ length: count - from }, (_, i) => page(Math.floor((from + i) / PAGE) % PAGES)?.[(from + i) % PAGE] ?? '')
  return { prints, count, unwritten: false }
}

function fingerprint({ packetId = 0, topic, payload }: Arrival): string {
  return `${packetId}.${createHash('sha1').update(topic).update('\0').update(payload).digest('base64url').slice(0, 12)}`
}
