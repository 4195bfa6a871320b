import { z } from 'zod'
import { demand, type Actor } from '../domain/access/rights.ts'
import { slugSchema } from '../domain/contract/primitives.ts'
import { refuse } from '../domain/errors.ts'
import { noteAlertEvent } from '../store/alert-events.ts'
import { lockAlert } from '../store/alert-rows.ts'
import { recordAudit } from '../store/audit.ts'
import { insertFeedback } from '../store/feedback.ts'
import { proposeLabel } from '../store/labels.ts'
import { inSite } from '../store/transaction.ts'
import type { ServiceContext } from './context.ts'

export const giveFeedbackInput = z.object({
  site: slugSchema,
  alert: z.uuid(),
  verdict: z.enum(['confirmed', 'false-alarm', 'unclear']),
  failureMode: z.string().min(1).max(200).nullable().default(null),
  note: z.string().max(4000).default(''),
})
export type GiveFeedbackInput = z.infer<typeof giveFeedbackInput>

/**
 * What was found at the machine. A clear verdict proposes a label over the episode's time, which counts once somebody
 * reviewed it. One word per person: the same again changes nothing, another is refused (`conflict`).
 */
export async function giveFeedback(
  ctx: ServiceContext, actor: Actor, input: GiveFeedbackInput,
): Promise<{ feedback: string; label: string | null }> {
  demand(actor, 'alert.answer', input.site)
  return inSite(ctx.pool, input.site, async (tx) => {
    const alert = await lockAlert(tx, input.alert)
    const failureMode = input.failureMode ?? (input.verdict === 'confirmed' ? alert.failureMode : null)
    const given = await insertFeedback(tx, {
      site: input.site, alertId: alert.alertId, verdict: input.verdict, failureMode, note: input.note, givenBy: actor.id, nowUs: ctx.nowUs(),
    })
    if (given.known) {
      if (given.verdict !== input.verdict) {
        refuse('conflict', `${actor.id} said "${given.verdict}" about this alert before; what was found is not rewritten, so ask another person to add theirs`, {
          alert: alert.alertId, verdict: given.verdict,
        })
      }
      return { feedback: given.feedbackId, label: null }
    }
    const label = input.verdict === 'unclear' ? null : await proposeLabel(tx, {
      site: input.site, assetRef: alert.assetRef, fromUs: alert.raisedUs, toUs: Math.max(alert.raisedUs, alert.clearedUs ?? alert.raisedUs),
      value: input.verdict === 'confirmed' ? 'faulty' : 'normal', failureMode, sourceKind: 'feedback', sourceId: given.feedbackId,
    })
    await recordAudit(tx, { actor, verb: 'give-feedback', subject: `alert/${alert.alertId}`, detail: { verdict: input.verdict, failureMode, label } })
    await noteAlertEvent(tx, {
      site: input.site, alertId: alert.alertId, kind: 'feedback-given', actorId: actor.id, atUs: ctx.nowUs(),
      detail: { asset: alert.asset, rule: alert.ruleId, verdict: input.verdict, failureMode, note: input.note },
    })
    return { feedback: given.feedbackId, label }
  })
}
