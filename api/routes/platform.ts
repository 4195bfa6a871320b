import { z } from 'zod'
import { listAllGateways } from '../../registry/services/read/gateways.ts'
import type { ApiDeps } from '../deps.ts'
import { endpoint } from '../endpoint.ts'
import { gatewaySchema } from './gateways.ts'

const partSchema = z
  .object({
    name: z.string(),
    kind: z.string().describe('embedded, external, or process'),
    state: z.string().describe('running when all is well'),
    address: z.string().optional(),
    version: z.string().optional(),
    uiUrl: z.string().optional(),
    restarts: z.number().int(),
    since: z.string().optional(),
    detail: z.string().optional(),
  })
  .meta({ id: 'Part' })

export const platformEndpoints = ({ parts, version }: Pick<ApiDeps, 'parts' | 'version'>) => [
  endpoint({
    operationId: 'getStatus', method: 'get', path: '/v1/status', tag: 'Platform', right: 'read', scope: 'fleet',
    summary: 'Health, version and address of every part, and how far the gateways have come',
    answer: z.object({ version: z.string(), parts: z.array(partSchema), gateways: z.array(gatewaySchema) }),
    handle: async ({ ctx, actor }) => ({ version, parts: await parts.list(), gateways: await listAllGateways(ctx, actor) }),
  }),
]
