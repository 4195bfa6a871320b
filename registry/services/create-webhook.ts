import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import { demand, type Actor } from '../domain/access/rights.ts'
import { eventTypes } from '../domain/contract/bus-event.ts'
import { slugSchema } from '../domain/contract/primitives.ts'
import { recordAudit } from '../store/audit.ts'
import { siteKind } from '../store/sites.ts'
import { inSite } from '../store/transaction.ts'
import { insertWebhook } from '../store/webhooks.ts'
import type { ServiceContext } from './context.ts'

export const createWebhookInput = z.object({
  site: slugSchema,
  url: z.url({ protocol: /^https?$/ }).max(2000).refine((text) => {
    const { username, password } = new URL(text)
    return username === '' && password === ''
  }, 'leave user and password out of the URL: calls are signed with the secret instead'),
  events: z.array(z.string().max(100).refine(meansSomething, `an event type (${eventTypes.slice(0, 3).join(', ')} …; docs/events.md has them all), all of a kind (alert.*), or *`)).min(1).max(50),
})
/** A type with a slip in it would never match, and nobody would be told. */
function meansSomething(pattern: string): boolean {
  return pattern === '*' || eventTypes.some((type) => pattern === type || pattern === `${type.split('.')[0] ?? ''}.*`)
}

export type CreateWebhookInput = z.infer<typeof createWebhookInput>

/** Registers a receiver of the site's events. The signing secret is in this answer and nowhere else. */
export async function createWebhook(
  ctx: ServiceContext, actor: Actor, input: CreateWebhookInput,
): Promise<{ id: string; url: string; events: string[]; secret: string }> {
  demand(actor, 'webhook.write', input.site)
  const secret = `twh_${randomBytes(32).toString('base64url')}`
  return inSite(ctx.pool, input.site, async (tx) => {
    await siteKind(tx, input.site)
    const id = await insertWebhook(tx, { ...input, secret, createdBy: actor.id })
    await recordAudit(tx, { actor, verb: 'create-webhook', subject: `webhook/${id}`, detail: { url: input.url, events: input.events } })
    return { id, url: input.url, events: input.events, secret }
  })
}
