import type { Tx } from './transaction.ts'

interface RecordId { readonly site: string; readonly actorId: string; readonly key: string }
interface StoredAnswer { readonly status: number; readonly body: unknown }

export type Claim =
  | { readonly claimed: true }
  | { readonly claimed: false; readonly digest: string; readonly answer: StoredAnswer | null }

/** A claim without an answer that is older belongs to a process that died; the next request takes it over. */
const ABANDONED_AFTER = '2 minutes'

/** Takes the key for this request, or says what it was taken for. Two at once: one of them gets it. */
export async function claimRequest(tx: Tx, request: RecordId & { digest: string }): Promise<Claim> {
  const { rowCount } = await tx.query(
    `insert into idempotency_record (site_id, actor_id, key, request_digest) values ($1, $2, $3, $4)
     on conflict (site_id, actor_id, key) do update set created_at = now()
       where idempotency_record.status is null and idempotency_record.request_digest = excluded.request_digest
         and idempotency_record.created_at < now() - $5::interval`,
    [request.site, request.actorId, request.key, request.digest, ABANDONED_AFTER],
  )
  if (rowCount === 1) return { claimed: true }
  const { rows } = await tx.query<{ request_digest: string; status: number | null; response: { body: unknown } | null }>(
    'select request_digest, status, response from idempotency_record where site_id = $1 and actor_id = $2 and key = $3',
    [request.site, request.actorId, request.key],
  )
  const row = rows[0]
  // Its owner failed and let go of it in this very moment; to the caller that is "still being worked on".
  if (!row) return { claimed: false, digest: request.digest, answer: null }
  return {
    claimed: false, digest: row.request_digest,
    answer: row.status === null ? null : { status: row.status, body: row.response?.body },
  }
}

export async function completeRequest(tx: Tx, record: RecordId & { answer: StoredAnswer }): Promise<void> {
  await tx.query(
    'update idempotency_record set status = $4, response = $5 where site_id = $1 and actor_id = $2 and key = $3',
    [record.site, record.actorId, record.key, record.answer.status, JSON.stringify({ body: record.answer.body })],
  )
}

/** Lets go of a key whose request left nothing behind. */
export async function abandonRequest(tx: Tx, record: RecordId): Promise<void> {
  await tx.query(
    'delete from idempotency_record where site_id = $1 and actor_id = $2 and key = $3 and status is null',
    [record.site, record.actorId, record.key],
  )
}

/** Drops what is older than a day; needs a transaction over all sites. Gives how many. */
export async function forgetOldRequests(tx: Tx): Promise<number> {
  const { rowCount } = await tx.query("delete from idempotency_record where created_at < now() - interval '1 day'")
  return rowCount ?? 0
}
