import type { Lane } from '../domain/contract/batch.ts'
import { usToTimestamp } from './sql-time.ts'
import type { Tx } from './transaction.ts'

/**
 * Notes that a gateway was heard of, and how far its clock is from ours; every few seconds, not for every batch. The row's
 * lock is held until its transaction is on disk: what lands meanwhile leaves the note to that one instead of waiting for it.
 */
export async function touchGateway(tx: Tx, site: string, gateway: string, receivedUs: number, createdUs: number): Promise<void> {
  await tx.query(
    `with due as (
       select site_id, gateway_id from gateway
        where site_id = $1 and gateway_id = $2 and last_seen_at <= ${usToTimestamp('$3')} - interval '5 seconds'
          for no key update skip locked
     ), touched as (
       update gateway g set last_seen_at = ${usToTimestamp('$3')}, clock_skew_us = $4::bigint from due
        where (g.site_id, g.gateway_id) = (due.site_id, due.gateway_id)
     )
     insert into gateway (site_id, gateway_id, first_seen_at, last_seen_at, clock_skew_us)
     select $1, $2, ${usToTimestamp('$3')}, ${usToTimestamp('$3')}, $4::bigint
      where not exists (select 1 from gateway where site_id = $1 and gateway_id = $2)
     on conflict do nothing`,
    [site, gateway, receivedUs, createdUs - receivedUs],
  )
}

/** A gateway that was enrolled is one of the site's, also before its first report or batch. */
export async function noteGateway(tx: Tx, site: string, gateway: string, atUs: number): Promise<void> {
  await tx.query(`insert into gateway (site_id, gateway_id, first_seen_at, last_seen_at) values ($1, $2, ${usToTimestamp('$3')}, ${usToTimestamp('$3')}) on conflict do nothing`, [site, gateway, atUs])
}

export interface LaneProgress {
  readonly gateway: string
  readonly epoch: string
  readonly lane: Lane
  readonly completeThroughUs: number
  readonly lastSequence: number
}

/** Advances how far a gateway's buffer has come in a lane; never back. */
export async function advanceGatewayLane(tx: Tx, site: string, progress: LaneProgress): Promise<void> {
  await tx.query(
    `insert into gateway_lane (site_id, gateway_id, epoch, lane, complete_through, last_sequence, last_batch_at)
     values ($1, $2, $3, $4, ${usToTimestamp('$5')}, $6, clock_timestamp())
     on conflict (site_id, gateway_id, epoch, lane) do update
        set complete_through = greatest(gateway_lane.complete_through, excluded.complete_through),
            last_sequence = greatest(gateway_lane.last_sequence, excluded.last_sequence), last_batch_at = excluded.last_batch_at`,
    [site, progress.gateway, progress.epoch, progress.lane, progress.completeThroughUs, progress.lastSequence],
  )
}

export interface AssetSource {
  readonly assetRef: number
  readonly gateway: string
  readonly epoch: string
  readonly lane: Lane
  /** Commit number of the first batch that fed the asset. */
  readonly firstCommit: number
}

/** Notes which buffers feed an asset in a lane; what is known already stays. */
export async function insertAssetSources(tx: Tx, site: string, sources: readonly AssetSource[]): Promise<void> {
  if (sources.length === 0) return
  await tx.query(
    `insert into asset_source (site_id, asset_ref, lane, gateway_id, epoch, first_commit)
     select $1, s.asset_ref, s.lane, s.gateway_id, s.epoch, s.first_commit
       from unnest($2::integer[], $3::text[], $4::text[], $5::text[], $6::bigint[]) as s (asset_ref, lane, gateway_id, epoch, first_commit)
     on conflict do nothing`,
    [site, sources.map((s) => s.assetRef), sources.map((s) => s.lane), sources.map((s) => s.gateway), sources.map((s) => s.epoch), sources.map((s) => s.firstCommit)],
  )
}
