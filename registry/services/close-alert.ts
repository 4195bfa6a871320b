import { z } from 'zod'
import { demand, type Actor } from '../domain/access/rights.ts'
import { slugSchema } from '../domain/contract/primitives.ts'
import { noteAlertEvent } from '../store/alert-events.ts'
import { lockAlert, markClosed } from '../store/alert-rows.ts'
import { recordAudit } from '../store/audit.ts'
import { inSite } from '../store/transaction.ts'
import type { ServiceContext } from './context.ts'

export const closeAlertInput = z.object({ site: slugSchema, alert: z.uuid(), reason: z.string().min(1).max(2000) })
export type CloseAlertInput = z.infer<typeof closeAlertInput>

/** Ends the episode, whatever its signal says; the rule may raise a new one. Closing again changes nothing. */
export async function closeAlert(ctx: ServiceContext, actor: Actor, input: CloseAlertInput): Promise<{ alert: string; state: 'closed' }> {
  demand(actor, 'alert.answer', input.site)
  return inSite(ctx.pool, input.site, async (tx) => {
    const alert = await lockAlert(tx, input.alert)
    if (alert.state === 'closed') return { alert: alert.alertId, state: 'closed' }
    const nowUs = ctx.nowUs()
    await markClosed(tx, alert.alertId, nowUs)
    await recordAudit(tx, { actor, verb: 'close-alert', subject: `alert/${alert.alertId}`, detail: { reason: input.reason } })
    await noteAlertEvent(tx, {
      site: input.site, alertId: alert.alertId, kind: 'closed', actorId: actor.id, atUs: nowUs,
      detail: { asset: alert.asset, rule: alert.ruleId, because: input.reason },
    })
    return { alert: alert.alertId, state: 'closed' }
  })
}
