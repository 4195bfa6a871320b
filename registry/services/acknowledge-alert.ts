import { z } from 'zod'
import { demand, type Actor } from '../domain/access/rights.ts'
import { slugSchema } from '../domain/contract/primitives.ts'
import { refuse } from '../domain/errors.ts'
import { noteAlertEvent } from '../store/alert-events.ts'
import { lockAlert, markAcknowledged, type AlertState } from '../store/alert-rows.ts'
import { recordAudit } from '../store/audit.ts'
import { insertOrder } from '../store/gateway-commands.ts'
import { unacknowledgedAtGateway } from '../store/judged-alarms.ts'
import { inSite } from '../store/transaction.ts'
import type { ServiceContext } from './context.ts'

export const acknowledgeAlertInput = z.object({ site: slugSchema, alert: z.uuid(), note: z.string().max(4000).default('') })
export type AcknowledgeAlertInput = z.infer<typeof acknowledgeAlertInput>

/** Somebody has it in hand: escalation stops. Acknowledging again changes nothing; a closed episode is refused. */
export async function acknowledgeAlert(
  ctx: ServiceContext, actor: Actor, input: AcknowledgeAlertInput,
): Promise<{ alert: string; state: AlertState }> {
  demand(actor, 'alert.answer', input.site)
  return inSite(ctx.pool, input.site, async (tx) => {
    const alert = await lockAlert(tx, input.alert)
    if (alert.state === 'closed') refuse('conflict', `alert ${alert.alertId} is closed`, { alert: alert.alertId })
    if (alert.state === 'acknowledged') return { alert: alert.alertId, state: alert.state }
    const nowUs = ctx.nowUs()
    await markAcknowledged(tx, alert.alertId, actor.id, nowUs)
    await recordAudit(tx, { actor, verb: 'acknowledge-alert', subject: `alert/${alert.alertId}`, detail: { note: input.note } })
    await noteAlertEvent(tx, {
      site: input.site, alertId: alert.alertId, kind: 'acknowledged', actorId: actor.id, atUs: nowUs,
      detail: { asset: alert.asset, rule: alert.ruleId, note: input.note },
    })
    // Whoever stands at the box need not ask again.
    for (const { gateway, id } of await unacknowledgedAtGateway(tx, alert.alertId)) {
      await insertOrder(tx, { site: input.site, gateway, kind: 'acknowledge', body: { alarm: id, by: actor.id.slice(0, 200), comment: input.note.slice(0, 500) || null }, requestedBy: actor.id, atUs: nowUs })
    }
    return { alert: alert.alertId, state: 'acknowledged' }
  })
}
