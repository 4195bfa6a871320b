import { z } from 'zod'
import { rights, rightsOf, roles, type Actor } from '../../registry/domain/access/rights.ts'
import { endpoint } from '../endpoint.ts'

export const meSchema = z
  .object({
    id: z.string(),
    roles: z.array(z.enum(roles)),
    rights: z.array(z.enum(rights)).describe('What these roles may do at the sites below'),
    sites: z.union([z.array(z.string()), z.literal('*')]).describe('`*`: every site'),
  })
  .meta({ id: 'Me' })

export const meOf = (actor: Actor) => ({ id: actor.id, roles: [...actor.roles], rights: rightsOf(actor.roles), sites: actor.sites === '*' ? '*' as const : [...actor.sites] })

export const meEndpoints = [
  endpoint({
    operationId: 'getMe', method: 'get', path: '/v1/me', tag: 'Access', right: 'read', scope: 'fleet',
    summary: 'Who this key belongs to, and what it may do',
    answer: meSchema,
    handle: async ({ actor }) => meOf(actor),
  }),
]
