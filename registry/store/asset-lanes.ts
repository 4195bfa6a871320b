import type { Lane } from '../domain/contract/batch.ts'
import type { SourceBatch, SourceProgress, SourceStates } from '../domain/windows/watermark.ts'
import { timestampToUs, toUsOrNull, usToTimestamp } from './sql-time.ts'
import type { Tx } from './transaction.ts'

/** How far the windows of one asset, feature set and lane are closed; its row's lock is the right to close more. */
export interface AssetLane {
  readonly assetRef: number
  readonly featureSetRef: number
  readonly lane: Lane
  readonly closedThroughUs: number
  readonly closedCommit: number
  /** The batch the lane began with; what it holds from before the first whole window is not late. */
  readonly openedCommit: number
  readonly sources: SourceStates
  /** What the decision fold carried away from the lane's last window; the judge gives it its meaning. */
  readonly foldState: unknown
}

/** A gateway's buffer that feeds an asset; its earlier batches hold nothing of the asset. */
export interface AssetSource {
  readonly assetRef: number
  readonly lane: Lane
  readonly source: string
  readonly firstCommit: number
}

export const sourceName = (gateway: string, epoch: string): string => `${gateway}/${epoch}`

/** Assets (with the lane) that the sources of these committed batches feed: their windows may have become due. */
export async function assetsFedBy(tx: Tx, site: string, batchIds: readonly string[]): Promise<{ assetRef: number; lane: Lane }[]> {
  const { rows } = await tx.query<{ asset_ref: number; lane: Lane }>(
    `select distinct s.asset_ref, s.lane
     from raw_batch b
     join asset_source s on s.site_id = b.site_id and s.gateway_id = b.gateway_id and s.epoch = b.epoch and s.lane = b.lane
     where b.site_id = $1 and b.batch_id = any($2::bigint[]) and b.state = 'committed'
     order by s.asset_ref`,
    [site, batchIds],
  )
  return rows.map((row) => ({ assetRef: row.asset_ref, lane: row.lane }))
}

/** Every source of these assets, in both lanes: a backfill may hold readings of a live window. */
export async function sourcesOf(tx: Tx, assetRefs: readonly number[]): Promise<AssetSource[]> {
  const { rows } = await tx.query<{ asset_ref: number; lane: Lane; gateway_id: string; epoch: string; first_commit: string | null }>(
    `select asset_ref, lane, gateway_id, epoch, first_commit from asset_source
     where asset_ref = any($1::int[]) order by asset_ref, gateway_id, epoch`,
    [assetRefs],
  )
  return rows.map((row) => ({
    assetRef: row.asset_ref, lane: row.lane, source: sourceName(row.gateway_id, row.epoch), firstCommit: Number(row.first_commit ?? 0),
  }))
}

/** Locks the lanes of these assets, all feature sets and both lanes, in one order everywhere, so that closings cannot deadlock. */
export async function lockLanes(tx: Tx, assetRefs: readonly number[]): Promise<AssetLane[]> {
  const { rows } = await tx.query<LaneRow>(
    `select ${LANE_COLUMNS} from asset_lane where asset_ref = any($1::int[])
     order by asset_ref, feature_set_ref, lane for update`,
    [assetRefs],
  )
  return rows.map(laneOfRow)
}

/** Starts lanes; gives false when somebody else has started one of them meanwhile: lock and look again. */
export async function startLanes(tx: Tx, site: string, lanes: readonly AssetLane[]): Promise<boolean> {
  if (lanes.length === 0) return true
  const { rowCount } = await tx.query(
    `insert into asset_lane (site_id, asset_ref, feature_set_ref, lane, closed_through, closed_commit, opened_commit, sources)
     select $1, a, f, l, ${usToTimestamp('t')}, c, o, s
     from unnest($2::int[], $3::int[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::jsonb[]) as u(a, f, l, t, c, o, s)
     order by a, f, l
     on conflict do nothing`,
    [site, lanes.map((l) => l.assetRef), lanes.map((l) => l.featureSetRef), lanes.map((l) => l.lane),
      lanes.map((l) => l.closedThroughUs), lanes.map((l) => l.closedCommit), lanes.map((l) => l.openedCommit),
      lanes.map((l) => JSON.stringify(l.sources))],
  )
  return rowCount === lanes.length
}

/** Writes back lanes that this transaction holds locked. */
export async function saveLanes(tx: Tx, lanes: readonly AssetLane[]): Promise<void> {
  if (lanes.length === 0) return
  await tx.query(
    `update asset_lane l
     set closed_through = ${usToTimestamp('u.t')}, closed_commit = u.c, sources = u.s, fold_state = u.d
     from unnest($1::int[], $2::int[], $3::text[], $4::bigint[], $5::bigint[], $6::jsonb[], $7::jsonb[]) as u(a, f, l, t, c, s, d)
     where l.asset_ref = u.a and l.feature_set_ref = u.f and l.lane = u.l`,
    [lanes.map((l) => l.assetRef), lanes.map((l) => l.featureSetRef), lanes.map((l) => l.lane),
      lanes.map((l) => l.closedThroughUs), lanes.map((l) => l.closedCommit),
      lanes.map((l) => JSON.stringify(l.sources)), lanes.map((l) => JSON.stringify(l.foldState ?? {}))],
  )
}

/** A committed batch as closing needs it. */
export interface CommittedBatch extends SourceBatch {
  readonly batchId: string
  readonly lane: Lane
  readonly mode: 'live' | 'backfill' | 'simulation'
  readonly traceId: string
  readonly rowCount: number
  /** Source times of what it left in the store; null when that is nothing. */
  readonly firstUs: number | null
  readonly lastUs: number | null
}

/** Batches of a lane with a commit number in (afterCommit, throughCommit], in that order, of the named sources. */
export async function batchesBetween(
  tx: Tx, site: string, lane: Lane, sources: readonly string[], afterCommit: number, throughCommit: number,
): Promise<CommittedBatch[]> {
  const { rows } = await tx.query<{
    batch_id: string; gateway_id: string; epoch: string; lane: Lane; mode: CommittedBatch['mode']; commit_number: string
    complete_us: string | null; received_us: string; trace_id: string; row_count: number; first_us: string | null; last_us: string | null
  }>(
    `select batch_id, gateway_id, epoch, lane, mode, commit_number, trace_id, row_count,
            ${timestampToUs('complete_through')} as complete_us, ${timestampToUs('received_at')} as received_us,
            ${timestampToUs('first_time')} as first_us, ${timestampToUs('last_time')} as last_us
     from raw_batch
     where site_id = $1 and lane = $2 and commit_number > $3 and commit_number <= $4 and gateway_id || '/' || epoch = any($5::text[])
     order by commit_number`,
    [site, lane, afterCommit, throughCommit, sources],
  )
  return rows.map((row) => ({
    batchId: row.batch_id, source: sourceName(row.gateway_id, row.epoch), lane: row.lane, mode: row.mode, traceId: row.trace_id, rowCount: row.row_count,
    commitNumber: Number(row.commit_number), receivedUs: Number(row.received_us),
    completeThroughUs: toUsOrNull(row.complete_us), firstUs: toUsOrNull(row.first_us), lastUs: toUsOrNull(row.last_us),
  }))
}

/** Batches that landed and wait for their commit: their sources are alive. */
export async function waitingBatches(tx: Tx, site: string): Promise<{ source: string; lane: Lane; receivedUs: number }[]> {
  const { rows } = await tx.query<{ gateway_id: string; epoch: string; lane: Lane; received_us: string }>(
    `select gateway_id, epoch, lane, ${timestampToUs('received_at')} as received_us
     from raw_batch where site_id = $1 and state = 'landed'`,
    [site],
  )
  return rows.map((row) => ({ source: sourceName(row.gateway_id, row.epoch), lane: row.lane, receivedUs: Number(row.received_us) }))
}

/** How far sources had come as of a commit number: where a lane begins that starts in the middle of their history. */
export async function progressAsOf(tx: Tx, site: string, lane: Lane, sources: readonly string[], commit: number): Promise<Map<string, SourceProgress>> {
  if (sources.length === 0) return new Map()
  const { rows } = await tx.query<{ source: string; complete_us: string | null; received_us: string }>(
    `select gateway_id || '/' || epoch as source, ${timestampToUs('max(complete_through)')} as complete_us,
            ${timestampToUs('max(received_at)')} as received_us
     from raw_batch
     where site_id = $1 and lane = $2 and commit_number <= $3 and gateway_id || '/' || epoch = any($4::text[])
     group by 1`,
    [site, lane, commit, sources],
  )
  return new Map(rows.flatMap((row) => row.complete_us === null ? [] : [[row.source, {
    completeThroughUs: Number(row.complete_us), receivedUs: Number(row.received_us),
  }]]))
}

export async function markWindowsClosed(tx: Tx, site: string, batchIds: readonly string[]): Promise<void> {
  await tx.query(
    `update raw_batch set windows_closed_at = clock_timestamp()
     where site_id = $1 and batch_id = any($2::bigint[]) and windows_closed_at is null`,
    [site, batchIds],
  )
}

const LANE_COLUMNS = `asset_ref, feature_set_ref, lane, ${timestampToUs('closed_through')} as closed_us, closed_commit, opened_commit, sources, fold_state`

interface LaneRow {
  asset_ref: number; feature_set_ref: number; lane: Lane; closed_us: string; closed_commit: string; opened_commit: string; sources: SourceStates; fold_state: unknown
}

const laneOfRow = (row: LaneRow): AssetLane => ({
  assetRef: row.asset_ref, featureSetRef: row.feature_set_ref, lane: row.lane, closedThroughUs: Number(row.closed_us),
  closedCommit: Number(row.closed_commit), openedCommit: Number(row.opened_commit), sources: row.sources, foldState: row.fold_state,
})
