import { z } from 'zod'
import { listAllGateways } from '../../registry/services/read/gateways.ts'
import { countUnclosedIncidents } from '../../registry/services/read/incidents.ts'
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
    summary: 'Health, version and address of every part, how far the gateways have come, and how many incidents nobody has closed',
    answer: z.object({ version: z.string(), parts: z.array(partSchema), gateways: z.array(gatewaySchema), unclosedIncidents: z.number().int().describe('Incidents that nobody has closed, over the sites of your key') }),
    handle: async ({ ctx, actor }) => ({ version, parts: await parts.list(), gateways: await listAllGateways(ctx, actor), unclosedIncidents: await countUnclosedIncidents(ctx, actor) }),
  }),
]
