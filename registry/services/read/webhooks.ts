import { demand, type Actor } from '../../domain/access/rights.ts'
import { timestampToUs } from '../../store/sql-time.ts'
import { inSite } from '../../store/transaction.ts'
import type { WebhookFormat } from '../../store/webhooks.ts'
import type { ServiceContext } from '../context.ts'
import { iso, isoOrNull } from './rows.ts'

export interface WebhookView {
  readonly id: string
  readonly url: string
  readonly format: WebhookFormat
  readonly events: readonly string[]
  readonly createdBy: string
  readonly createdAt: string
  readonly disabledAt: string | null
  /** Calls that wait for their next try, and those given up. */
  readonly waiting: number
  readonly dead: number
  readonly lastError: string | null
}

/** Receivers of a site's events, without their secrets; few by nature, so they come whole. */
export async function listWebhooks(ctx: ServiceContext, actor: Actor, input: { site: string }): Promise<WebhookView[]> {
  demand(actor, 'webhook.write', input.site)
  const rows = await inSite(ctx.pool, input.site, async (tx) => (await tx.query<{
    webhook_id: string; url: string; format: WebhookFormat; events: string[]; created_by: string; created_us: string; disabled_us: string | null
    waiting: number; dead: number; last_error: string | null
  }>(
    `select w.webhook_id, w.url, w.format, w.events, w.created_by, ${timestampToUs('w.created_at')} as created_us, ${timestampToUs('w.disabled_at')} as disabled_us,
            o.waiting, o.dead, o.last_error
     from webhook w
     cross join lateral (
       select count(*) filter (where dead_at is null)::integer as waiting, count(*) filter (where dead_at is not null)::integer as dead,
              max(last_error) as last_error
       from outbox where site_id = w.site_id and channel = 'webhook' and target = w.webhook_id::text and dispatched_at is null
     ) o
     where w.site_id = $1 order by w.created_at, w.webhook_id`,
    [input.site],
  )).rows)
  return rows.map((row) => ({
    id: row.webhook_id, url: row.url, format: row.format, events: row.events, createdBy: row.created_by, createdAt: iso(row.created_us),
    disabledAt: isoOrNull(row.disabled_us), waiting: row.waiting, dead: row.dead, lastError: row.last_error,
  }))
}
