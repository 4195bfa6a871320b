import { z } from 'zod'
import { listGateways } from '../../registry/services/read/gateways.ts'
import type { ApiDeps } from '../deps.ts'
import { endpoint } from '../endpoint.ts'

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

const gatewaySchema = z
  .object({
    site: z.string(),
    id: z.string(),
    firstSeenAt: z.string(),
    lastSeenAt: z.string(),
    clockSkewUs: z.number().nullable().describe('Gateway clock minus platform clock at its last batch'),
    epochs: z.array(z.object({
      epoch: z.string(),
      lane: z.enum(['live', 'backfill']),
      completeThrough: z.string().describe('Event time up to which it has shipped all it will regularly ship'),
      lastSequence: z.number().int(),
      lastBatchAt: z.string(),
    })),
  })
  .meta({ id: 'Gateway' })

export const platformEndpoints = ({ parts, version }: Pick<ApiDeps, 'parts' | 'version'>) => [
  endpoint({
    operationId: 'getStatus', method: 'get', path: '/v1/status', tag: 'Platform', right: 'read', scope: 'fleet',
    summary: 'Health, version and address of every part, and how far the gateways have come',
    answer: z.object({ version: z.string(), parts: z.array(partSchema), gateways: z.array(gatewaySchema) }),
    handle: async ({ ctx, actor }) => ({ version, parts: await parts.list(), gateways: await listGateways(ctx, actor) }),
  }),
]
