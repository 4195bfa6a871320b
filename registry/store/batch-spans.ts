import { timestampToUs, usToTimestamp } from './sql-time.ts'
import type { Tx } from './transaction.ts'

/** What one batch left of one tag, as an interval of source time (last instant included). */
export interface BatchSpan {
  readonly batchId: string
  readonly tagRef: number
  readonly fromUs: number
  readonly toUs: number
}

/** A batch and the interval of source time in which its readings matter. */
export interface BatchInterval {
  readonly batchId: string
  readonly fromUs: number
  readonly beforeUs: number
}

/** The chunks and waveforms that batches left of some tags, where they begin inside the given intervals. */
export async function spansOfBatches(tx: Tx, batches: readonly BatchInterval[], tagRefs: readonly number[]): Promise<BatchSpan[]> {
  if (batches.length === 0 || tagRefs.length === 0) return []
  // One look into the index for each batch and tag: `offset 0` keeps the planner from reading the whole interval instead.
  const left = (table: string, start: string): string =>
    `cross join lateral (
       select * from ${table} c
       where c.tag_ref = t.tag_ref and c.${start} >= ${usToTimestamp('b.from_us')} and c.${start} < ${usToTimestamp('b.before_us')} and c.batch_id = b.batch_id
       offset 0
     ) c`
  const { rows } = await tx.query<{ batch_id: string; tag_ref: number; from_us: string; to_us: string }>(
    `with b as (select * from unnest($1::bigint[], $2::bigint[], $3::bigint[]) as u(batch_id, from_us, before_us)),
          t as (select * from unnest($4::int[]) as u(tag_ref))
     select c.batch_id, c.tag_ref, ${timestampToUs('c.t_min')} as from_us, ${timestampToUs('c.t_max')} as to_us
     from b cross join t ${left('reading_chunk', 't_min')}
     union all
     select b.batch_id, c.tag_ref, ${timestampToUs('p.t_min')} as from_us, ${timestampToUs('p.t_max')} as to_us
     from b cross join t cross join lateral (
       select * from reading_chunk c
       where c.tag_ref = t.tag_ref and c.batch_id is null and c.part_batches @> array[b.batch_id]
         and c.t_min >= date_bin('1 hour', ${usToTimestamp('b.from_us')}, timestamptz 'epoch') and c.t_min < ${usToTimestamp('b.before_us')}
       offset 0
     ) c cross join lateral unnest(c.part_batches, c.part_starts, c.part_ends) as p (batch_id, t_min, t_max)
     where p.batch_id = b.batch_id and p.t_min >= ${usToTimestamp('b.from_us')} and p.t_min < ${usToTimestamp('b.before_us')}
     union all
     select c.batch_id, c.tag_ref, ${timestampToUs('c.t_start')} as from_us,
            ${timestampToUs("c.t_start + c.n * c.interval_us * interval '1 microsecond'")} as to_us
     from b cross join t ${left('waveform', 't_start')}`,
    [batches.map((b) => b.batchId), batches.map((b) => b.fromUs), batches.map((b) => b.beforeUs), tagRefs],
  )
  return rows.map((row) => ({ batchId: row.batch_id, tagRef: row.tag_ref, fromUs: Number(row.from_us), toUs: Number(row.to_us) }))
}
