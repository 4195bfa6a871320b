import type { Tx } from './transaction.ts'

export interface WorkOrder { readonly id: string; readonly number: string; readonly title: string; readonly state: string }

interface Row { work_order_id: string; number: string; title: string; state: string }
const toWorkOrder = (row: Row): WorkOrder => ({ id: row.work_order_id, number: row.number, title: row.title, state: row.state })

export async function workOrderOfAlert(tx: Tx, alertId: string): Promise<WorkOrder | null> {
  const { rows } = await tx.query<Row>('select work_order_id, number, title, state from work_order where alert_id = $1', [alertId])
  return rows[0] ? toWorkOrder(rows[0]) : null
}

/** Numbers count up per site without gaps: one is given at a time, under a lock that ends with the transaction. */
export async function insertWorkOrder(
  tx: Tx, order: { site: string; alertId: string | null; assetRef: number; title: string; createdBy: string },
): Promise<WorkOrder> {
  await tx.query("select pg_advisory_xact_lock(hashtextextended('twinward.work-order.' || $1, 0))", [order.site])
  const { rows } = await tx.query<Row>(
    `insert into work_order (site_id, number, alert_id, asset_ref, title, created_by)
     select $1, 'WO-' || lpad((coalesce(max(substr(number, 4)::bigint), 0) + 1)::text, 6, '0'), $2, $3, $4, $5
     from work_order where site_id = $1 and number ~ '^WO-[0-9]+$'
     returning work_order_id, number, title, state`,
    [order.site, order.alertId, order.assetRef, order.title, order.createdBy],
  )
  return toWorkOrder(rows[0] as Row)
}
