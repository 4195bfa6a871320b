import { timestampToUs, toUs } from './sql-time.ts'
import type { Tx } from './transaction.ts'

/** A batch without an outcome: landed, or committed with its windows still open. */
export interface WaitingBatch {
  readonly site: string
  readonly gateway: string
  readonly epoch: string
  readonly batchId: string
  readonly sequence: number
  readonly rowCount: number
  readonly traceId: string
  readonly receivedUs: number
  /** Its readings are committed, only its windows are open. */
  readonly stored: boolean
  /** The batch before it in the sequence has arrived (or it is the first). */
  readonly follows: boolean
}

type Row = Record<'site' | 'gateway' | 'epoch' | 'batchId' | 'sequence' | 'traceId' | 'receivedUs', string> & { rowCount: number; stored: boolean; follows: boolean }

/** The first waiting batches of each gateway buffer, at most `perBuffer` of one, in the order of their sequence. */
export async function readWaitingBatches(tx: Tx, perBuffer: number): Promise<WaitingBatch[]> {
  const { rows } = await tx.query<Row>(
    `select w.site_id as site, w.gateway_id as gateway, w.epoch, w.batch_id as "batchId", w.sequence, w.row_count as "rowCount",
            w.trace_id as "traceId", w.state = 'committed' as stored, ${timestampToUs('w.received_at')} as "receivedUs",
            w.sequence = 1 or exists (select 1 from raw_batch p where p.site_id = w.site_id and p.gateway_id = w.gateway_id
                                       and p.epoch = w.epoch and p.sequence = w.sequence - 1) as follows
       from (select distinct site_id, gateway_id, epoch from raw_batch where ${WAITING}) k
      cross join lateral (
        select * from raw_batch b
         where b.site_id = k.site_id and b.gateway_id = k.gateway_id and b.epoch = k.epoch and (${WAITING})
         order by b.sequence limit $1) w
      order by w.site_id, w.gateway_id, w.epoch, w.sequence`,
    [perBuffer],
  )
  return rows.map((row) => ({
    ...row, sequence: Number(row.sequence), receivedUs: toUs(row.receivedUs),
  }))
}

/** As in the partial index that answers it. */
const WAITING = "state = 'landed' or (state = 'committed' and windows_closed_at is null)"
