import type { MaintenanceEvent } from '../domain/contract/maintenance.ts'
import { usToTimestamp } from './sql-time.ts'
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
