import { z } from 'zod'
import { demand, type Actor } from '../domain/access/rights.ts'
import { slugSchema } from '../domain/contract/primitives.ts'
import { refuse } from '../domain/errors.ts'
import { recordAudit } from '../store/audit.ts'
import { inSite } from '../store/transaction.ts'
import { disableWebhookRow } from '../store/webhooks.ts'
import type { ServiceContext } from './context.ts'

export const disableWebhookInput = z.object({ site: slugSchema, webhook: z.uuid() })
export type DisableWebhookInput = z.infer<typeof disableWebhookInput>

/** Stops calling a receiver; what still waited for it is dropped. */
export async function disableWebhook(ctx: ServiceContext, actor: Actor, input: DisableWebhookInput): Promise<{ id: string; disabled: true }> {
  demand(actor, 'webhook.write', input.site)
  return inSite(ctx.pool, input.site, async (tx) => {
    const found = await disableWebhookRow(tx, input.site, input.webhook, ctx.nowUs())
    if (!found) return refuse('not_found', `site ${input.site} has no webhook ${input.webhook}`, { webhook: input.webhook })
    await recordAudit(tx, { actor, verb: 'disable-webhook', subject: `webhook/${input.webhook}` })
    return { id: input.webhook, disabled: true }
  })
}
