import { laneOf, type BatchHeader, type Lane, type Mode } from '../domain/contract/batch.ts'
import { timestampToUs, toUs, toUsOrNull, usToTimestamp } from './sql-time.ts'
import type { Tx } from './transaction.ts'

/** A batch as it arrived: what ingest needs to fetch and place it. */
export interface RawBatch {
  readonly batchId: number
  readonly gateway: string
  readonly epoch: string
  readonly sequence: number
  readonly kind: BatchHeader['kind']
  readonly mode: Mode
  readonly lane: Lane
  readonly digest: string
  readonly objectKey: string
  readonly rowCount: number
  readonly completeThroughUs: number | null
  readonly receivedUs: number
  readonly traceId: string
  readonly state: 'landed' | 'committed' | 'quarantined'
}

/** What became of the rows of a committed batch; they add up to its row count, which the database checks. */
export interface BatchOutcome {
  readonly accepted: number
  readonly repeated: number
  readonly revised: number
  readonly quarantined: number
}

/** Why a whole batch was set aside. */
export interface BatchRefusal { readonly code: string; readonly reason: string }

export interface ArrivedBatch {
  readonly header: BatchHeader
  readonly digest: string
  readonly bytes: number
  readonly objectKey: string
  readonly receivedUs: number
  /** Set where the batch is refused on arrival: its place in the sequence is taken all the same. */
  readonly refusal: BatchRefusal | null
}

/**
 * Records an arrival; (gateway, epoch, sequence) takes effect once. Returns the new row's id, or the digest of the
 * batch that has the place already.
 */
export async function insertRawBatch(tx: Tx, { header, digest, bytes, objectKey, receivedUs, refusal }: ArrivedBatch): Promise<{ batchId: number } | { digestThere: string }> {
  const key = [header.site, header.gateway, header.epoch, header.sequence]
  const { rows } = await tx.query<{ batch_id: string }>(
    `insert into raw_batch (site_id, gateway_id, epoch, sequence, kind, mode, lane, digest, bytes, object_key, mapping_digest, row_count,
                            complete_through, trace_id, created_at, received_at, state, outcome)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, ${usToTimestamp('$13')}, $14, ${usToTimestamp('$15')}, ${usToTimestamp('$16')}, $17, $18)
     on conflict (site_id, gateway_id, epoch, sequence) do nothing returning batch_id`,
    [...key, header.kind, header.mode, laneOf(header.mode), digest, bytes, objectKey, header.mappingDigest, header.count,
      header.completeThroughUs, header.traceId, header.createdUs, receivedUs, refusal ? 'quarantined' : 'landed', refusal && JSON.stringify(refusal)],
  )
  if (rows[0]) return { batchId: Number(rows[0].batch_id) }
  const there = await tx.query<{ digest: string }>(
    'select digest from raw_batch where site_id = $1 and gateway_id = $2 and epoch = $3 and sequence = $4', key)
  const first = there.rows[0]
  if (!first) throw new Error(`batch ${key.join('/')} neither inserted nor found`)
  return { digestThere: first.digest }
}

/** These batches in the order of their sequence; with `lock` held against other transactions until the end of this one. */
export async function readRawBatches(tx: Tx, batchIds: readonly number[], lock = false): Promise<RawBatch[]> {
  const { rows } = await tx.query<Record<keyof RawBatch, string>>(
    `select batch_id as "batchId", gateway_id as "gateway", epoch, sequence, kind, mode, lane, digest, object_key as "objectKey",
            row_count as "rowCount", ${timestampToUs('complete_through')} as "completeThroughUs",
            ${timestampToUs('received_at')} as "receivedUs", trace_id as "traceId", state
       from raw_batch where batch_id = any($1::bigint[]) order by gateway_id, epoch, sequence ${lock ? 'for update' : ''}`,
    [batchIds],
  )
  return rows.map((row) => ({
    ...(row as unknown as RawBatch),
    batchId: Number(row.batchId),
    sequence: Number(row.sequence),
    completeThroughUs: toUsOrNull(row.completeThroughUs),
    receivedUs: toUs(row.receivedUs),
  }))
}

export interface CommittedBatch {
  readonly batchId: number
  readonly commitNumber: number
  readonly completeThroughUs: number | null
  /** Source times of the stored rows; null when none was stored. */
  readonly firstUs: number | null
  readonly lastUs: number | null
  readonly outcome: BatchOutcome
}

export async function markCommitted(tx: Tx, batches: readonly CommittedBatch[]): Promise<void> {
  await tx.query(
    `update raw_batch b set state = 'committed', committed_at = clock_timestamp(), commit_number = c.number,
            complete_through = ${usToTimestamp('c.through')}, first_time = ${usToTimestamp('c.first')},
            last_time = ${usToTimestamp('c.last')}, outcome = c.outcome
       from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::jsonb[])
            as c (id, number, through, first, last, outcome)
      where b.batch_id = c.id`,
    [batches.map((b) => b.batchId), batches.map((b) => b.commitNumber), batches.map((b) => b.completeThroughUs),
      batches.map((b) => b.firstUs), batches.map((b) => b.lastUs), batches.map((b) => JSON.stringify(b.outcome))],
  )
}

/** The whole batch is set aside; it never gets a commit number. */
export async function markQuarantined(tx: Tx, batchId: number, refusal: BatchRefusal): Promise<void> {
  await tx.query(`update raw_batch set state = 'quarantined', outcome = $2 where batch_id = $1 and state = 'landed'`, [batchId, JSON.stringify(refusal)])
}
