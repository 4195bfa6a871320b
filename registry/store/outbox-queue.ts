import type { Tx } from './transaction.ts'

export type Channel = 'bus' | 'webhook' | 'workflow'

export interface QueuedMessage {
  readonly outboxId: string
  readonly site: string
  readonly kind: string
  readonly target: string | null
  readonly payload: unknown
  /** This attempt included. */
  readonly attempts: number
}

interface Row { outbox_id: string; site_id: string; kind: string; target: string | null; payload: unknown; attempts: number }

/**
 * Takes due messages of a channel, oldest first, and hides them for `leaseSeconds`: long enough to deliver them, and
 * after a crash they come back by themselves. Several relays may take at once; none takes what another has.
 */
export async function takeDue(tx: Tx, channel: Channel, limit: number, leaseSeconds: number): Promise<QueuedMessage[]> {
  const { rows } = await tx.query<Row>(
    `with due as (
       select outbox_id from outbox
       where channel = $1 and dispatched_at is null and dead_at is null and next_attempt_at <= now()
       order by outbox_id limit $2 for update skip locked
     )
     update outbox o set attempts = o.attempts + 1, next_attempt_at = now() + $3 * interval '1 second'
     from due where o.outbox_id = due.outbox_id
     returning o.outbox_id, o.site_id, o.kind, o.target, o.payload, o.attempts`,
    [channel, limit, leaseSeconds],
  )
  return rows
    .map((row) => ({ outboxId: row.outbox_id, site: row.site_id, kind: row.kind, target: row.target, payload: row.payload, attempts: row.attempts }))
    .sort((a, b) => Number(BigInt(a.outboxId) - BigInt(b.outboxId)))
}

export async function markDelivered(tx: Tx, outboxIds: readonly string[]): Promise<void> {
  await tx.query('update outbox set dispatched_at = now(), last_error = null where outbox_id = any($1::bigint[])', [outboxIds])
}

/** Puts a message back for later, or, with `afterSeconds` null, among the dead. */
export async function markFailed(tx: Tx, outboxId: string, error: string, afterSeconds: number | null): Promise<void> {
  await tx.query(
    `update outbox set last_error = $2, dead_at = case when $3::float8 is null then now() end,
            next_attempt_at = now() + coalesce($3::float8, 0) * interval '1 second'
     where outbox_id = $1`,
    [outboxId, error.slice(0, 1000), afterSeconds],
  )
}

/** Seconds until the next message of a channel is due; null when none waits. */
export async function nextDueSeconds(tx: Tx, channel: Channel): Promise<number | null> {
  const { rows } = await tx.query<{ seconds: number | null }>(
    `select extract(epoch from min(next_attempt_at) - now())::float8 as seconds from outbox
     where channel = $1 and dispatched_at is null and dead_at is null`, [channel],
  )
  return rows[0]?.seconds ?? null
}

/** Removes what was delivered more than `days` ago; the dead stay for people to look at ten times as long. */
export async function forgetDelivered(tx: Tx, days: number): Promise<number> {
  const { rowCount } = await tx.query(
    `delete from outbox where outbox_id in (
       select outbox_id from outbox
       where dispatched_at < now() - $1 * interval '1 day' or dead_at < now() - 10 * $1 * interval '1 day' limit 10000)`, [days],
  )
  return rowCount ?? 0
}
