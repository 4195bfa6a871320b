import { z } from 'zod'
import { roles } from '../../registry/domain/access/rights.ts'
import { changeActor, changeActorInput } from '../../registry/services/change-actor.ts'
import { createActor, createActorInput } from '../../registry/services/create-actor.ts'
import { issueApiKey, issueApiKeyInput } from '../../registry/services/issue-api-key.ts'
import { listActors, listApiKeys } from '../../registry/services/read/actors.ts'
import { pageInput } from '../../registry/services/read/page.ts'
import { revokeApiKey } from '../../registry/services/revoke-api-key.ts'
import { endpoint } from '../endpoint.ts'
import { uuidOf } from '../mount.ts'
import { pageOf } from '../pagination.ts'

const actorSchema = z
  .object({
    id: z.string(),
    site: z.string().describe('_fleet: acts at every site'),
    name: z.string(),
    kind: z.enum(['person', 'service']),
    roles: z.array(z.enum(roles)),
    disabled: z.boolean(),
    createdAt: z.string(),
  })
  .meta({ id: 'Actor' })

const apiKeySchema = z
  .object({
    id: z.string(),
    actor: z.string(),
    label: z.string(),
    createdAt: z.string(),
    expiresAt: z.string().nullable(),
    revokedAt: z.string().nullable(),
  })
  .meta({ id: 'ApiKey' })

const common = { tag: 'Access', scope: 'site', fleetToo: true, right: 'actor.write' } as const

export const accessEndpoints = [
  endpoint({
    ...common, operationId: 'listActors', method: 'get', path: '/v1/actors', summary: 'People and services, with their roles',
    query: z.object(pageInput), answer: pageOf(actorSchema),
    handle: ({ ctx, actor, site, query }) => listActors(ctx, actor, { site, ...query }),
  }),
  endpoint({
    ...common, operationId: 'createActor', method: 'post', path: '/v1/actors', summary: 'Make a person or service known', status: 201,
    body: createActorInput.omit({ site: true }).strict(),
    answer: z.object({ site: z.string(), id: z.string(), name: z.string(), kind: z.enum(['person', 'service']), roles: z.array(z.enum(roles)) }),
    handle: ({ ctx, actor, site, body }) => createActor(ctx, actor, { site, ...body }),
  }),
  endpoint({
    ...common, operationId: 'changeActor', method: 'patch', path: '/v1/actors/{actor}',
    summary: 'Change name or roles, or disable: keys then stop working at once',
    params: z.object({ actor: changeActorInput.shape.id }),
    body: changeActorInput.omit({ site: true, id: true }).strict(),
    answer: z.object({ id: z.string(), name: z.string(), roles: z.array(z.enum(roles)), disabled: z.boolean() }),
    handle: ({ ctx, actor, site, params, body }) => changeActor(ctx, actor, { site, id: params.actor, ...body }),
  }),
  endpoint({
    ...common, operationId: 'listApiKeys', method: 'get', path: '/v1/api-keys', summary: 'API keys, without the keys themselves',
    query: z.object(pageInput), answer: pageOf(apiKeySchema),
    handle: ({ ctx, actor, site, query }) => listApiKeys(ctx, actor, { site, ...query }),
  }),
  endpoint({
    ...common, operationId: 'issueApiKey', method: 'post', path: '/v1/api-keys', summary: 'Issue a key; it is shown this once',
    status: 201, secretAnswer: true,
    body: issueApiKeyInput.omit({ site: true }).strict(),
    answer: z.object({ id: z.string(), actor: z.string(), label: z.string(), key: z.string(), expiresAt: z.string().nullable() }),
    handle: ({ ctx, actor, site, body }) => issueApiKey(ctx, actor, { site, ...body }),
  }),
  endpoint({
    ...common, operationId: 'revokeApiKey', method: 'post', path: '/v1/api-keys/{key}/revoke', summary: 'End a key at once',
    params: z.object({ key: uuidOf('API key') }),
    answer: z.object({ id: z.string(), revoked: z.literal(true) }),
    handle: ({ ctx, actor, site, params }) => revokeApiKey(ctx, actor, { site, key: params.key }),
  }),
]
