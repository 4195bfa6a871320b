import { z } from 'zod'
import { demand, type Actor } from '../domain/access/rights.ts'
import { slugSchema } from '../domain/contract/primitives.ts'
import { microsToIso } from '../domain/contract/time.ts'
import { refuse } from '../domain/errors.ts'
import { noteAlertEvent } from '../store/alert-events.ts'
import { lockAlert, markShelved } from '../store/alert-rows.ts'
import { recordAudit } from '../store/audit.ts'
import { inSite } from '../store/transaction.ts'
import type { ServiceContext } from './context.ts'

/** ISA-18.2 has shelving limited in time; eight hours is one shift. */
const MOST_SECONDS = 8 * 3600

export const shelveAlertInput = z.object({
  site: slugSchema,
  alert: z.uuid(),
  forSeconds: z.number().int().min(0).max(MOST_SECONDS).describe('Wall seconds; 0 takes it off the shelf'),
  reason: z.string().min(1).max(2000),
})
export type ShelveAlertInput = z.infer<typeof shelveAlertInput>

/** Nobody is called about the episode for a while; afterwards its deadlines go on where they stand. */
export async function shelveAlert(
  ctx: ServiceContext, actor: Actor, input: ShelveAlertInput,
): Promise<{ alert: string; shelvedUntil: string | null }> {
  demand(actor, 'alert.answer', input.site)
  return inSite(ctx.pool, input.site, async (tx) => {
    const alert = await lockAlert(tx, input.alert)
    if (alert.state === 'closed') refuse('conflict', `alert ${alert.alertId} is closed`, { alert: alert.alertId })
    if (input.forSeconds > 0 && alert.state === 'acknowledged') {
      refuse('conflict', `alert ${alert.alertId} is acknowledged: nobody is called about it any more`, { alert: alert.alertId })
    }
    const nowUs = ctx.nowUs()
    const untilUs = input.forSeconds === 0 ? null : nowUs + input.forSeconds * 1_000_000
    const shelvedUntil = untilUs === null ? null : microsToIso(untilUs)
    await markShelved(tx, alert.alertId, untilUs)
    await recordAudit(tx, { actor, verb: 'shelve-alert', subject: `alert/${alert.alertId}`, detail: { shelvedUntil, reason: input.reason } })
    await noteAlertEvent(tx, {
      site: input.site, alertId: alert.alertId, kind: untilUs === null ? 'unshelved' : 'shelved', actorId: actor.id, atUs: nowUs,
      detail: { asset: alert.asset, rule: alert.ruleId, shelvedUntil, reason: input.reason },
    })
    return { alert: alert.alertId, shelvedUntil }
  })
}
