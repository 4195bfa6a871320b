import type { BusEvent, EventType } from '../domain/contract/bus-event.ts'
import type { ScoredEvent } from '../domain/contract/scored-event.ts'
import { OUTBOX_CHANNEL } from './outbox.ts'
import type { Tx } from './transaction.ts'

/** What one closing did, for whoever counts; the windows themselves are read through the API. */
export interface ClosingSummary {
  readonly lane: string
  /** One of the windows: no other closing has closed it, so it names this one. */
  readonly firstWindow: string
  readonly commitNumber: number
  readonly windows: number
  readonly scores: number
  /** At most 100 of the assets that got windows. */
  readonly assets: readonly string[]
  /** The operation whose rescore it is; absent: windows were closed, or revised. */
  readonly rescore?: string
}

/** Puts scored windows and the summaries of their closing on the bus, in one statement however many they are. */
export async function enqueueScoredEvents(
  tx: Tx, site: string, at: string, events: readonly ScoredEvent[], summaries: readonly ClosingSummary[],
): Promise<void> {
  const rows: { type: EventType; id: string; data: unknown }[] = [
    ...events.map((event) => ({ type: 'window.scored' as const, id: `score/${event.id}`, data: event })),
    ...summaries.map((summary) => ({ type: 'windows.scored' as const, id: `closing/${summary.firstWindow}`, data: summary })),
  ]
  if (rows.length === 0) return
  await tx.query(
    `insert into outbox (site_id, channel, kind, payload, dedupe_key)
     select $1, 'bus', kind, payload, dedupe_key
     from unnest($2::text[], $3::jsonb[], $4::text[]) as u(kind, payload, dedupe_key)
     on conflict (site_id, channel, dedupe_key) do nothing`,
    [site, rows.map((row) => row.type),
      rows.map((row) => JSON.stringify({ id: row.id, type: row.type, site, at, data: row.data } satisfies BusEvent)), rows.map((row) => row.id)],
  )
  await tx.query("select pg_notify($1, '')", [OUTBOX_CHANNEL])
}
