import type { MaintenanceEvent } from '../domain/contract/maintenance.ts'
import { timestampToUs, toUs, usToTimestamp } from './sql-time.ts'
import type { Tx } from './transaction.ts'

export interface MaintenanceDraft extends Pick<MaintenanceEvent, 'component' | 'kind' | 'failureMode' | 'note' | 'workOrder'> {
  readonly site: string
  readonly assetRef: number
  readonly fromUs: number
  readonly toUs: number | null
  readonly recordedBy: string
}

/** Stores an event once: the same facts again give the row there is. */
export async function insertMaintenance(tx: Tx, event: MaintenanceDraft): Promise<{ maintenanceId: string; repeated: boolean }> {
  const during = `tstzrange(${usToTimestamp('$5')}, ${usToTimestamp('$6')}, '[]')`
  const values = [event.site, event.assetRef, event.component, event.kind, event.fromUs, event.toUs, event.failureMode, event.note, event.workOrder]
  await tx.query("select pg_advisory_xact_lock(hashtextextended('twinward.maintenance.' || $1, 0))", [String(event.assetRef)])
  const known = await tx.query<{ maintenance_id: string }>(
    `select maintenance_id from maintenance_event
     where site_id = $1 and asset_ref = $2 and component_id is not distinct from $3 and kind = $4 and during = ${during}
       and failure_mode is not distinct from $7 and note = $8 and work_order is not distinct from $9`,
    values,
  )
  if (known.rows[0]) return { maintenanceId: known.rows[0].maintenance_id, repeated: true }
  const { rows } = await tx.query<{ maintenance_id: string }>(
    `insert into maintenance_event (site_id, asset_ref, component_id, kind, during, failure_mode, note, work_order, recorded_by)
     values ($1, $2, $3, $4, ${during}, $7, $8, $9, $10) returning maintenance_id`,
    [...values, event.recordedBy],
  )
  return { maintenanceId: (rows[0] as { maintenance_id: string }).maintenance_id, repeated: false }
}

/** By asset. */
export type OutOfService = ReadonlyMap<number, readonly { readonly fromUs: number; readonly toUs: number }[]>

/** Whether any of the window [startUs, endUs) lies in a time out of service. */
export function isSuppressed(stops: OutOfService, { assetRef, startUs, endUs }: { assetRef: number; startUs: number; endUs: number }): boolean {
  return (stops.get(assetRef) ?? []).some(({ fromUs, toUs }) => fromUs < endUs && toUs >= startUs)
}

/**
 * When these machines were, or are planned to be, out of service: stops, repairs and replacements on record. A few a
 * machine and year; an open end is without end. Failures are not among them: those are what alerts are for.
 */
export async function outOfService(tx: Tx, assetRefs: readonly number[]): Promise<OutOfService> {
  const stops = new Map<number, readonly { fromUs: number; toUs: number }[]>()
  if (assetRefs.length === 0) return stops
  const { rows } = await tx.query<{ asset_ref: number; from_us: string; to_us: string | null }>(
    `select asset_ref, ${timestampToUs('lower(during)')} as from_us, ${timestampToUs('upper(during)')} as to_us
     from maintenance_event where asset_ref = any($1::int[]) and kind in ('stop', 'repair', 'replacement')`,
    [assetRefs],
  )
  for (const row of rows) {
    const stop = { fromUs: toUs(row.from_us), toUs: row.to_us === null ? Infinity : toUs(row.to_us) }
    stops.set(row.asset_ref, [...stops.get(row.asset_ref) ?? [], stop])
  }
  return stops
}
