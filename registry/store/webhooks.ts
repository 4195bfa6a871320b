import { usToTimestamp } from './sql-time.ts'
import type { Tx } from './transaction.ts'

/** How an event is put: as the bus has it, or as the OpenLineage run event that it carries. */
export type WebhookFormat = 'event' | 'openlineage'

export interface Receiver { readonly url: string; readonly format: WebhookFormat; readonly secret: string; readonly bearer: string | null; readonly site: string }

export async function insertWebhook(
  tx: Tx, webhook: { site: string; url: string; format: WebhookFormat; events: readonly string[]; secret: string; bearer: string | null; createdBy: string },
): Promise<string> {
  const { rows } = await tx.query<{ webhook_id: string }>(
    'insert into webhook (site_id, url, format, events, secret, bearer, created_by) values ($1, $2, $3, $4, $5, $6, $7) returning webhook_id',
    [webhook.site, webhook.url, webhook.format, webhook.events, webhook.secret, webhook.bearer, webhook.createdBy],
  )
  return (rows[0] as { webhook_id: string }).webhook_id
}

/** Where, how and with which secrets to call; null when it was disabled since the event was queued. */
export async function findWebhook(tx: Tx, webhookId: string): Promise<Receiver | null> {
  const { rows } = await tx.query<Receiver>(
    'select url, format, secret, bearer, site_id as site from webhook where webhook_id = $1 and disabled_at is null', [webhookId],
  )
  return rows[0] ?? null
}

/** Without secrets. */
export async function listWebhookRows(tx: Tx, site: string): Promise<{ id: string; url: string; events: string[]; disabled: boolean }[]> {
  const { rows } = await tx.query<{ webhook_id: string; url: string; events: string[]; disabled: boolean }>(
    'select webhook_id, url, events, disabled_at is not null as disabled from webhook where site_id = $1 order by created_at, webhook_id', [site],
  )
  return rows.map((row) => ({ id: row.webhook_id, url: row.url, events: row.events, disabled: row.disabled }))
}

export async function disableWebhookRow(tx: Tx, site: string, webhookId: string, nowUs: number): Promise<boolean> {
  const { rowCount } = await tx.query(
    `update webhook set disabled_at = coalesce(disabled_at, ${usToTimestamp('$3')}) where site_id = $1 and webhook_id = $2`, [site, webhookId, nowUs],
  )
  return rowCount === 1
}
