import { z } from 'zod'
import { slugSchema } from '../../registry/domain/contract/primitives.ts'
import { refuse } from '../../registry/domain/errors.ts'
import { readLineage } from '../../registry/services/read/lineage.ts'
import { readLineageEvents } from '../../registry/services/read/lineage-events.ts'
import { endpoint } from '../endpoint.ts'
import { uuidOf } from '../mount.ts'
import { jsonObject, serialOf, wholeNumber } from './common.ts'

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

const named = { namespace: z.string().describe('`twinward://<site>`'), name: z.string(), facets: jsonObject }
const runEventSchema = z
  .object({
    eventType: z.enum(['START', 'COMPLETE', 'FAIL', 'ABORT']),
    eventTime: z.string(),
    run: z.object({ runId: z.string().describe('The same whenever the run is told of'), facets: jsonObject }),
    job: z.object(named),
    inputs: z.array(z.object({ ...named, inputFacets: jsonObject.optional() })),
    outputs: z.array(z.object({ ...named, outputFacets: jsonObject.optional() })),
    producer: z.string(),
    schemaURL: z.string().describe('https://openlineage.io/spec/2-0-2/OpenLineage.json'),
  })
  .meta({ id: 'OpenLineageRunEvent' })
const askedOf = z.object({
  alert: uuidOf('alert').optional(), score: serialOf('score').optional(), operation: uuidOf('operation').optional().describe('A training run'),
  model: slugSchema.optional(), version: wholeNumber.min(1).max(2 ** 31 - 1).optional().describe('Of the model'),
})

function oneOf({ alert, score, operation, model, version }: z.infer<typeof askedOf>) {
  const asked = [
    ...(alert === undefined ? [] : [{ alert }]), ...(score === undefined ? [] : [{ score }]), ...(operation === undefined ? [] : [{ operation }]),
    ...(model === undefined || version === undefined ? [] : [{ model: { name: model, version } }]),
  ]
  const [first] = asked
  if (first === undefined || asked.length > 1 || (model === undefined) !== (version === undefined)) {
    return refuse('invalid', 'Name one of them: ?alert=…, ?score=…, ?model=…&version=…, or ?operation=… of a training run', { parameter: 'alert' })
  }
  return first
}

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
  endpoint({
    operationId: 'getLineageEvents', method: 'get', path: '/v1/lineage/events', tag: 'Twins', right: 'read', scope: 'site',
    summary: 'The lineage of a decision, a model version or a training run as OpenLineage run events',
    description: 'Name an alert, a score, a model with its version, or the operation of a training run. What came before stands before; told again, a run has the same id. '
      + 'A catalogue takes them one by one at its `POST /api/v1/lineage`; webhooks of `format: openlineage` call it by themselves.',
    query: askedOf, answer: z.object({ events: z.array(runEventSchema) }),
    handle: async ({ ctx, actor, site, query }) => ({ events: await readLineageEvents(ctx, actor, { site, ...oneOf(query) }) }),
  }),
]
