import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import { demand, type Actor } from '../domain/access/rights.ts'
import { eventTypes } from '../domain/contract/bus-event.ts'
import { slugSchema } from '../domain/contract/primitives.ts'
import { refuse } from '../domain/errors.ts'
import { recordAudit } from '../store/audit.ts'
import { siteKind } from '../store/sites.ts'
import { inSite } from '../store/transaction.ts'
import { insertWebhook, type WebhookFormat } from '../store/webhooks.ts'
import type { ServiceContext } from './context.ts'

export const createWebhookInput = z.object({
  site: slugSchema,
  url: z.url({ protocol: /^https?$/ }).max(2000).refine((text) => {
    const { username, password } = new URL(text)
    return username === '' && password === ''
  }, 'leave user and password out of the URL: calls are signed with the secret instead'),
  format: z.enum(['event', 'openlineage']).default('event').describe('`openlineage`: OpenLineage run events and nothing around them, as its HTTP endpoints take them'),
  bearerToken: z.string().max(4096).regex(/^[\x21-\x7e]+$/, 'a token of visible ASCII characters').optional().describe('Shown to the receiver as `Authorization: Bearer …`; never shown again'),
  events: z.array(z.string().max(100).refine(meansSomething, `an event type (${eventTypes.slice(0, 3).join(', ')} …; docs/events.md has them all), all of a kind (alert.*), or *`)).min(1).max(50).optional().describe('Which ones; of `openlineage` they are the run events, and this is left out'),
})
/** A type with a slip in it would never match, and nobody would be told. */
function meansSomething(pattern: string): boolean {
  return pattern === '*' || eventTypes.some((type) => pattern === type || pattern === `${type.split('.')[0] ?? ''}.*`)
}

export type CreateWebhookInput = z.input<typeof createWebhookInput>

const RUNS = ['lineage.run']

/**
 * Registers a receiver of the site's events. The signing secret is in this answer and nowhere else. Refuses (`invalid`) events
 * that are not told in the format, and none at all.
 */
export async function createWebhook(
  ctx: ServiceContext, actor: Actor, { format = 'event', bearerToken, ...input }: CreateWebhookInput,
): Promise<{ id: string; url: string; format: WebhookFormat; events: string[]; secret: string }> {
  demand(actor, 'webhook.write', input.site)
  const events = eventsOf(format, input.events)
  const secret = `twh_${randomBytes(32).toString('base64url')}`
  return inSite(ctx.pool, input.site, async (tx) => {
    await siteKind(tx, input.site)
    const id = await insertWebhook(tx, { ...input, format, events, bearer: bearerToken ?? null, secret, createdBy: actor.id })
    await recordAudit(tx, { actor, verb: 'create-webhook', subject: `webhook/${id}`, detail: { url: input.url, format, events } })
    return { id, url: input.url, format, events, secret }
  })
}

function eventsOf(format: WebhookFormat, events: string[] | undefined): string[] {
  if (format === 'event') return events ?? refuse('invalid', 'say which events to be told of, e.g. ["alert.*"] (docs/events.md has them all)', { parameter: 'events' })
  if (events !== undefined && String(events) !== String(RUNS)) {
    refuse('invalid', 'a receiver of OpenLineage is told of runs alone; leave events out, or register another webhook for the others', { parameter: 'events' })
  }
  return RUNS
}
