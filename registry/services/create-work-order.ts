import { z } from 'zod'
import { demand, type Actor } from '../domain/access/rights.ts'
import { slugSchema } from '../domain/contract/primitives.ts'
import { noteAlertEvent } from '../store/alert-events.ts'
import { lockAlert } from '../store/alert-rows.ts'
import { recordAudit } from '../store/audit.ts'
import { inSite } from '../store/transaction.ts'
import { insertWorkOrder, workOrderOfAlert, type WorkOrder } from '../store/work-orders.ts'
import type { ServiceContext } from './context.ts'

export const createWorkOrderInput = z.object({
  site: slugSchema,
  alert: z.uuid(),
  title: z.string().min(1).max(500).optional().describe('Absent: what the alert recommends'),
})
export type CreateWorkOrderInput = z.infer<typeof createWorkOrderInput>

/** Makes the alert's work order; asked again, gives the one there is. */
export async function createWorkOrder(ctx: ServiceContext, actor: Actor, input: CreateWorkOrderInput): Promise<WorkOrder> {
  demand(actor, 'alert.answer', input.site)
  return inSite(ctx.pool, input.site, async (tx) => {
    const alert = await lockAlert(tx, input.alert)
    const existing = await workOrderOfAlert(tx, alert.alertId)
    if (existing) return existing
    const title = input.title ?? `${alert.asset}: ${alert.recommendedAction}`.slice(0, 500)
    const order = await insertWorkOrder(tx, { site: input.site, alertId: alert.alertId, assetRef: alert.assetRef, title, createdBy: actor.id })
    await recordAudit(tx, { actor, verb: 'create-work-order', subject: `work-order/${order.number}`, detail: { alert: alert.alertId, title } })
    await noteAlertEvent(tx, {
      site: input.site, alertId: alert.alertId, kind: 'work-order-created', actorId: actor.id, atUs: ctx.nowUs(),
      detail: { asset: alert.asset, rule: alert.ruleId, workOrder: order.number, title },
    })
    return order
  })
}
