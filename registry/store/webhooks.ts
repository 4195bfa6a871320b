import { usToTimestamp } from './sql-time.ts'
import type { Tx } from './transaction.ts'

export async function insertWebhook(
  tx: Tx, webhook: { site: string; url: string; events: readonly string[]; secret: string; createdBy: string },
): Promise<string> {
  const { rows } = await tx.query<{ webhook_id: string }>(
    'insert into webhook (site_id, url, events, secret, created_by) values ($1, $2, $3, $4, $5) returning webhook_id',
    [webhook.site, webhook.url, webhook.events, webhook.secret, webhook.createdBy],
  )
  return (rows[0] as { webhook_id: string }).webhook_id
}

/** Where and with which secret to call; null when it was disabled since the event was queued. */
export async function findWebhook(tx: Tx, webhookId: string): Promise<{ url: string; secret: string; site: string } | null> {
  const { rows } = await tx.query<{ url: string; secret: string; site_id: string }>(
    'select url, secret, site_id from webhook where webhook_id = $1 and disabled_at is null', [webhookId],
  )
  return rows[0] ? { url: rows[0].url, secret: rows[0].secret, site: rows[0].site_id } : null
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
