import type { BusEvent, EventType } from '../domain/contract/bus-event.ts'
import { microsToIso } from '../domain/contract/time.ts'
import type { Tx } from './transaction.ts'
import { writingSite } from './writing-site.ts'

/** LISTEN channel of the relay. */
export const OUTBOX_CHANNEL = 'outbox'

interface Common {
  /** Needed only in a transaction that serves all sites. */
  readonly site?: string
  /** Two rows of one site and channel with the same key are one: what is enqueued again is not sent again. */
  readonly dedupeKey?: string
}

/** What leaves the platform, or sets a workflow going, once the transaction that made it true has committed. */
export type OutboxMessage =
  | (Common & { readonly channel: 'bus'; readonly kind: string; readonly payload: BusEvent })
  | (Common & { readonly channel: 'webhook'; readonly kind: string; readonly target: string; readonly payload: BusEvent })
  | (Common & { readonly channel: 'workflow'; readonly kind: 'start'; readonly target: string; readonly payload: WorkflowStart })
  | (Common & { readonly channel: 'workflow'; readonly kind: 'signal'; readonly target: string; readonly payload: WorkflowSignal })
  | (Common & { readonly channel: 'workflow'; readonly kind: 'cancel'; readonly target: string; readonly payload: { readonly reason: string } })

export interface WorkflowStart { readonly type: string; readonly taskQueue: string; readonly input: unknown }
export interface WorkflowSignal { readonly signal: string; readonly args: readonly unknown[] }

/** Adds a row to the outbox and wakes the relay at commit; says whether it did. A repeated dedupe key is left as it is. */
export async function enqueue(tx: Tx, message: OutboxMessage): Promise<boolean> {
  const { rowCount } = await tx.query(
    `insert into outbox (site_id, channel, kind, target, payload, dedupe_key) values ($1, $2, $3, $4, $5, $6)
     on conflict (site_id, channel, dedupe_key) do nothing`,
    [writingSite(tx, message.site), message.channel, message.kind, 'target' in message ? message.target : null,
      JSON.stringify(message.payload), message.dedupeKey ?? null],
  )
  await tx.query("select pg_notify('outbox', '')")
  return rowCount === 1
}

/** What {@link announce} takes: the event without what the store fills in. */
export interface Announcement {
  /** Unique within the site, e.g. `alert/<id>/raised`; announcing it twice announces it once. */
  readonly id: string
  /** Webhooks subscribe to it, to `alert.*`, or to `*`. */
  readonly type: EventType
  readonly atUs: number
  readonly data: unknown
  readonly site?: string
  /** False keeps it on the bus: nobody is called about what must not page. */
  readonly webhooks?: boolean
}

/** Puts an event on the bus and, for each webhook of the site that subscribed to its type, into that webhook's queue. Says whether it is news. */
export async function announce(tx: Tx, event: Announcement): Promise<boolean> {
  const site = writingSite(tx, event.site)
  const payload: BusEvent = { id: event.id, type: event.type, site, at: microsToIso(event.atUs), data: event.data }
  const news = await enqueue(tx, { channel: 'bus', kind: event.type, site, payload, dedupeKey: event.id })
  if (event.webhooks === false) return news
  // site_id is compared, not left to row-level security: the fleet's rows are visible to every site, yet a simulation
  // may call nobody but its own receivers.
  await tx.query(
    `insert into outbox (site_id, channel, kind, target, payload, dedupe_key)
     select w.site_id, 'webhook', $2, w.webhook_id::text, $3, $4 || '>' || w.webhook_id
     from webhook w
     where w.site_id = $1 and w.disabled_at is null
       and w.events && array[$2, split_part($2, '.', 1) || '.*', '*']
     on conflict (site_id, channel, dedupe_key) do nothing`,
    [site, event.type, JSON.stringify(payload), event.id],
  )
  return news
}
