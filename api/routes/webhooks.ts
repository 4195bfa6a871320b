import { z } from 'zod'
import { createWebhook, createWebhookInput } from '../../registry/services/create-webhook.ts'
import { disableWebhook } from '../../registry/services/disable-webhook.ts'
import { listWebhooks } from '../../registry/services/read/webhooks.ts'
import { endpoint } from '../endpoint.ts'
import { uuidOf } from '../mount.ts'
import { pageOf, whole } from '../pagination.ts'

const webhookSchema = z
  .object({
    id: z.string(),
    url: z.string(),
    format: z.enum(['event', 'openlineage']),
    events: z.array(z.string()),
    createdBy: z.string(),
    createdAt: z.string(),
    disabledAt: z.string().nullable(),
    waiting: z.number().int().describe('Calls that wait for their next try'),
    dead: z.number().int().describe('Calls given up'),
    lastError: z.string().nullable(),
  })
  .meta({ id: 'Webhook' })

const common = { tag: 'Alerts', right: 'webhook.write', scope: 'site' } as const

export const webhookEndpoints = [
  endpoint({
    ...common, operationId: 'listWebhooks', method: 'get', path: '/v1/webhooks', summary: 'Receivers of the site’s events, without their secrets',
    answer: pageOf(webhookSchema),
    handle: async ({ ctx, actor, site }) => whole(await listWebhooks(ctx, actor, { site })),
  }),
  endpoint({
    ...common, operationId: 'createWebhook', method: 'post', path: '/v1/webhooks', summary: 'Register a receiver; its signing secret is shown this once',
    status: 201, secretAnswer: true, body: createWebhookInput.omit({ site: true }).strict(),
    answer: z.object({ id: z.string(), url: z.string(), format: z.enum(['event', 'openlineage']), events: z.array(z.string()), secret: z.string() }),
    handle: ({ ctx, actor, site, body }) => createWebhook(ctx, actor, { site, ...body }),
  }),
  endpoint({
    ...common, operationId: 'disableWebhook', method: 'post', path: '/v1/webhooks/{webhook}/disable', summary: 'Stop calling a receiver',
    params: z.object({ webhook: uuidOf('webhook') }), answer: z.object({ id: z.string(), disabled: z.literal(true) }),
    handle: ({ ctx, actor, site, params }) => disableWebhook(ctx, actor, { site, webhook: params.webhook }),
  }),
]
