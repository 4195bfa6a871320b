import { z } from 'zod'
import { demand, type Actor } from '../domain/access/rights.ts'
import { slugSchema } from '../domain/contract/primitives.ts'
import { refuse } from '../domain/errors.ts'
import { recordAudit } from '../store/audit.ts'
import { insertOrder, openOrderOf } from '../store/gateway-commands.ts'
import { inSite } from '../store/transaction.ts'
import type { ServiceContext } from './context.ts'

export const acknowledgeLocalAlarmInput = z.object({
  site: slugSchema, gateway: slugSchema, alarm: z.string().min(1).max(80), comment: z.string().trim().max(500).default('').describe('What was found'),
})
export type AcknowledgeLocalAlarmInput = z.infer<typeof acknowledgeLocalAlarmInput>

/** `ordered`: the gateway is told with the reply to its next report, and acknowledges it then. */
export interface LocalAlarmAnswered { readonly gateway: string; readonly alarm: string; readonly state: 'ordered' | 'acknowledged' }

/**
 * Somebody sees to an alarm of a gateway; the box is told, since its alarm is the box's own. Once more changes nothing.
 * Refuses (`not_found`), and (`conflict`) one by a release whose alert is to be acknowledged instead.
 */
export async function acknowledgeLocalAlarm(ctx: Pick<ServiceContext, 'pool' | 'nowUs'>, actor: Actor, { site, gateway, alarm, comment }: AcknowledgeLocalAlarmInput): Promise<LocalAlarmAnswered> {
  demand(actor, 'alert.answer', site)
  return inSite(ctx.pool, site, async (tx) => {
    const { rows: [row] } = await tx.query<{ acknowledged_by: string | null; alert_id: string | null }>(
      'select acknowledged_by, alert_id from local_alarm where site_id = $1 and gateway_id = $2 and alarm_id = $3 for update', [site, gateway, alarm])
    if (row === undefined) return refuse('not_found', `gateway ${gateway} has told of no alarm ${alarm}; GET /v1/local-alarms lists those it has`, { gateway, alarm })
    if (row.acknowledged_by !== null) return { gateway, alarm, state: 'acknowledged' }
    if (row.alert_id !== null) return refuse('conflict', `the platform has raised the same episode: acknowledge alert ${row.alert_id}, and the gateway is told`, { alert: row.alert_id })
    if (await openOrderOf(tx, { site, gateway, kind: 'acknowledge', of: { alarm } })) return { gateway, alarm, state: 'ordered' }
    await insertOrder(tx, { site, gateway, kind: 'acknowledge', body: { alarm, by: actor.id.slice(0, 200), comment: comment || null }, requestedBy: actor.id, atUs: ctx.nowUs() })
    await recordAudit(tx, { actor, verb: 'acknowledge-local-alarm', subject: `local-alarm/${gateway}/${alarm}`, detail: { comment } })
    return { gateway, alarm, state: 'ordered' }
  })
}
