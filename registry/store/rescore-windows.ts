import type { Lane, Mode } from '../domain/contract/batch.ts'
import { timestampToUs, toUs, usToTimestamp } from './sql-time.ts'
import type { Tx } from './transaction.ts'

/** One end of windows of a machine, whatever feature sets measured it. */
export interface StoredEnd {
  readonly endUs: number
  /** The highest revision of any window that ends there. */
  readonly revision: number
  /** Of the newest window of the set asked about; null: that set has none there. */
  readonly windowId: string | null
  /** Which set's window is the newest there, and how that one came. */
  readonly featureSetRef: number
  readonly lane: Lane
  readonly mode: Mode
  readonly traceId: string
}

/**
 * The next `limit` ends of stored windows of a machine in (after, through], ascending: one walk along the key's index for
 * each of the sets it was measured by.
 */
export async function nextEnds(
  tx: Tx, query: { assetRef: number; featureSetRefs: readonly number[]; wantedSetRef: number; afterUs: number; throughUs: number; limit: number },
): Promise<StoredEnd[]> {
  const { rows } = await tx.query<{
    end_us: string; revision: number; window_id: string | null; feature_set_ref: number; lane: Lane; mode: Mode; trace_id: string
  }>(
    `with w as (
       select w.* from unnest($2::int[]) as f(ref) cross join lateral (
         select distinct on (window_end) window_end, revision, window_id, feature_set_ref, lane, mode, trace_id from feature_window
         where asset_ref = $1 and feature_set_ref = f.ref and window_end > ${usToTimestamp('$4')} and window_end <= ${usToTimestamp('$5')}
         order by window_end, revision desc limit $6
       ) w
     )
     select ${timestampToUs('window_end')} as end_us, max(revision) as revision, max(window_id) filter (where feature_set_ref = $3) as window_id,
            (array_agg(feature_set_ref order by feature_set_ref = $3 desc, window_id desc))[1] as feature_set_ref,
            (array_agg(lane order by feature_set_ref = $3 desc, window_id desc))[1] as lane,
            (array_agg(mode order by feature_set_ref = $3 desc, window_id desc))[1] as mode,
            (array_agg(trace_id order by feature_set_ref = $3 desc, window_id desc))[1] as trace_id
     from w group by window_end order by window_end limit $6`,
    [query.assetRef, query.featureSetRefs, query.wantedSetRef, query.afterUs, query.throughUs, query.limit])
  return rows.map((row) => ({
    endUs: toUs(row.end_us), revision: row.revision, windowId: row.window_id, featureSetRef: row.feature_set_ref, lane: row.lane, mode: row.mode, traceId: row.trace_id,
  }))
}

/** Whether windows of a machine were decided with it out of service by plan, by end and lane; those that decided nothing are absent. */
export async function decidedSuppressed(tx: Tx, assetRef: number, afterUs: number, throughUs: number): Promise<Map<string, boolean>> {
  const { rows } = await tx.query<{ end_us: string; lane: Lane; suppressed: boolean }>(
    `select distinct on (window_end, lane) ${timestampToUs('window_end')} as end_us, lane, suppressed from score
     where asset_ref = $1 and window_end > ${usToTimestamp('$2')} and window_end <= ${usToTimestamp('$3')} and role = 'champion' and decision is not null and rescore_ref is null
     order by window_end, lane, score_id`, [assetRef, afterUs, throughUs])
  return new Map(rows.map((row) => [decidedKey(row.lane, toUs(row.end_us)), row.suppressed]))
}

export const decidedKey = (lane: Lane, endUs: number): string => `${lane} ${endUs}`

/** Where the rules of a machine stood, as it was decided then, before the first window of a lane in (after, through]; undefined: none was decided there. */
export async function foldBefore(tx: Tx, assetRef: number, lane: Lane, afterUs: number, throughUs: number): Promise<{ state: unknown } | undefined> {
  const { rows } = await tx.query<{ fold_before: unknown }>(
    `select fold_before from score
     where asset_ref = $1 and lane = $2 and window_end > ${usToTimestamp('$3')} and window_end <= ${usToTimestamp('$4')} and decision is not null and rescore_ref is null
     order by window_end, score_id limit 1`, [assetRef, lane, afterUs, throughUs])
  return rows[0] && { state: rows[0].fold_before }
}
