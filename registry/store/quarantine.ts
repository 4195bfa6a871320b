import { usToTimestamp } from './sql-time.ts'
import type { Tx } from './transaction.ts'

/** One reason to set something aside: a whole batch (`tagKey` null) or rows of one tag in it. The bytes stay where they are. */
export interface QuarantineEntry {
  readonly batchId: number | null
  readonly gateway: string
  /** Null where the header could not be read. */
  readonly epoch: string | null
  readonly sequence: number | null
  readonly digest: string
  readonly objectKey: string | null
  readonly tagKey: string | null
  readonly code: string
  readonly reason: string
  readonly rowCount: number
  readonly firstUs: number | null
  readonly lastUs: number | null
  /** A few rows, as plain JSON. */
  readonly sample: unknown
}

/** Records entries; the same once more changes nothing. */
export async function insertQuarantine(tx: Tx, site: string, entries: readonly QuarantineEntry[]): Promise<void> {
  if (entries.length === 0) return
  const column = (pick: (entry: QuarantineEntry) => unknown): unknown[] => entries.map(pick)
  await tx.query(
    `insert into quarantine (site_id, batch_id, gateway_id, epoch, sequence, digest, object_key, tag_key, code, reason, row_count, first_time, last_time, sample)
     select $1, q.batch_id, q.gateway_id, q.epoch, q.sequence, q.digest, q.object_key, q.tag_key, q.code, q.reason, q.row_count,
            ${usToTimestamp('q.first_us')}, ${usToTimestamp('q.last_us')}, q.sample
       from unnest($2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::integer[],
                   $12::bigint[], $13::bigint[], $14::jsonb[])
            as q (batch_id, gateway_id, epoch, sequence, digest, object_key, tag_key, code, reason, row_count, first_us, last_us, sample)
     on conflict do nothing`,
    [site, column((e) => e.batchId), column((e) => e.gateway), column((e) => e.epoch), column((e) => e.sequence), column((e) => e.digest),
      column((e) => e.objectKey), column((e) => e.tagKey), column((e) => e.code), column((e) => e.reason.slice(0, 2000)), column((e) => e.rowCount),
      column((e) => e.firstUs), column((e) => e.lastUs), column((e) => (e.sample === null ? null : JSON.stringify(e.sample)))],
  )
}
