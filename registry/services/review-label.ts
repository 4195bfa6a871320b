import { z } from 'zod'
import { demand, type Actor } from '../domain/access/rights.ts'
import { slugSchema } from '../domain/contract/primitives.ts'
import { refuse } from '../domain/errors.ts'
import { recordAudit } from '../store/audit.ts'
import { reviewLabelRow } from '../store/labels.ts'
import { inSite } from '../store/transaction.ts'
import type { ServiceContext } from './context.ts'

export const reviewLabelInput = z.object({ site: slugSchema, label: z.uuid(), verdict: z.enum(['accepted', 'rejected']) })
export type ReviewLabelInput = z.infer<typeof reviewLabelInput>

/** Only reviewed labels train and judge. A later review overrules an earlier one; both stay in the audit. */
export async function reviewLabel(ctx: ServiceContext, actor: Actor, input: ReviewLabelInput): Promise<{ label: string; state: 'accepted' | 'rejected' }> {
  demand(actor, 'label.review', input.site)
  return inSite(ctx.pool, input.site, async (tx) => {
    const reviewed = await reviewLabelRow(tx, input.label, { state: input.verdict, by: actor.id, nowUs: ctx.nowUs() })
    if (!reviewed) return refuse('not_found', `there is no label ${input.label} at site ${input.site}`, { label: input.label })
    if (reviewed.before !== input.verdict) {
      await recordAudit(tx, { actor, verb: 'review-label', subject: `label/${input.label}`, detail: { before: reviewed.before, after: input.verdict } })
    }
    return { label: input.label, state: input.verdict }
  })
}
