import { z } from 'zod'
import { refuse } from '../../registry/domain/errors.ts'
import { readLineage } from '../../registry/services/read/lineage.ts'
import { endpoint } from '../endpoint.ts'
import { uuidOf } from '../mount.ts'
import { serialOf } from './common.ts'

const lineageSchema = z
  .object({
    nodes: z.array(z.object({
      id: z.string(),
      kind: z.string(),
      label: z.string(),
      detail: z.string().nullable(),
      level: z.number().int().describe('Orders the drawing: outcomes (-1) and alerts (0) above, decisions below them, raw batches at the bottom'),
      rules: z.array(z.object({
        rule: z.string(), state: z.enum(['normal', 'pending', 'active', 'clearing']), since: z.string(), signal: z.string().nullable(), value: z.number().nullable(),
        raiseAt: z.number(), clearAt: z.number(),
        waitsUntil: z.string().nullable().describe('Event time at which its delay is over, if the condition holds: pending raises, clearing clears'),
      })).optional().describe('Of a decision: where each rule stood after it'),
    })),
    edges: z.array(z.object({ from: z.string(), to: z.string() })),
  })
  .meta({ id: 'Lineage' })

export const lineageEndpoints = [
  endpoint({
    operationId: 'getLineage', method: 'get', path: '/v1/lineage', tag: 'Twins', right: 'read', scope: 'site',
    summary: 'Where an alert or a score comes from, down to raw batches and approvals', description: 'Name either an alert or a score.',
    query: z.object({ alert: uuidOf('alert').optional(), score: serialOf('score').optional() }), answer: lineageSchema,
    handle: ({ ctx, actor, site, query }) => {
      if ((query.alert === undefined) === (query.score === undefined)) refuse('invalid', 'Name either an alert or a score: ?alert=… or ?score=…', { parameter: 'alert' })
      return readLineage(ctx, actor, { site, ...query })
    },
  }),
]
