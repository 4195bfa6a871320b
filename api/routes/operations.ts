import { z } from 'zod'
import type { Actor } from '../../registry/domain/access/rights.ts'
import { cancelOperation } from '../../registry/services/cancel-operation.ts'
import { checkDrift, checkDriftInput } from '../../registry/services/check-drift.ts'
import type { ServiceContext } from '../../registry/services/context.ts'
import { pageInput } from '../../registry/services/read/page.ts'
import { getOperation, listOperations } from '../../registry/services/read/operations.ts'
import { pauseOperation, resumeOperation } from '../../registry/services/pause-operation.ts'
import { rescoreInput, startRescore } from '../../registry/services/rescore/start-rescore.ts'
import { retrainModel, retrainModelInput } from '../../registry/services/retrain-model.ts'
import { endpoint, type Call } from '../endpoint.ts'
import { uuidOf } from '../mount.ts'
import { pageOf } from '../pagination.ts'
import { inMicros, instantUs, rangeQuery } from './common.ts'
import { operationSchema } from './operation-schema.ts'

const requestSchema = z.discriminatedUnion('kind', [
  retrainModelInput.omit({ site: true, fromUs: true, toUs: true }).extend({ kind: z.literal('retrain-model'), ...rangeQuery }).strict(),
  checkDriftInput.omit({ site: true }).extend({ kind: z.literal('check-drift') }).strict(),
  rescoreInput.omit({ site: true, fromUs: true, toUs: true }).extend({
    kind: z.literal('rescore'), from: instantUs.describe('Event time: windows that end after this; RFC 3339'), to: instantUs.optional().describe('… and not later than this; default: now'),
  }).strict(),
]).meta({ id: 'OperationRequest' })

type OperationRequest = z.output<typeof requestSchema>

function start(ctx: ServiceContext, actor: Actor, site: string, body: OperationRequest): Promise<{ operationId: string }> {
  switch (body.kind) {
    case 'retrain-model': return retrainModel(ctx, actor, { site, ...inMicros(body) })
    case 'check-drift': return checkDrift(ctx, actor, { site, family: body.family, mayRetrain: body.mayRetrain })
    case 'rescore': {
      const { kind: _kind, from, to, ...asked } = body
      return startRescore(ctx, actor, { site, ...asked, fromUs: from, toUs: to })
    }
  }
}

const common = { tag: 'Operations', scope: 'site' } as const
const one = { params: z.object({ operation: uuidOf('operation') }), locate: { kind: 'operation', param: 'operation' } } as const

type Steer = Call<{ operation: string }, unknown, unknown>

/** Does something to one operation, and answers with how it goes now. */
const steer = (verb: (ctx: ServiceContext, actor: Actor, at: { site: string; operation: string }) => Promise<unknown>) => async ({ ctx, actor, site, params }: Steer) => {
  await verb(ctx, actor, { site, operation: params.operation })
  return getOperation(ctx, actor, { site, operation: params.operation })
}

export const operationEndpoints = [
  endpoint({
    ...common, operationId: 'listOperations', method: 'get', path: '/v1/operations', right: 'read', scope: 'sites', summary: 'What people asked for, newest first',
    query: z.object({ kind: z.string().max(100).optional(), state: operationSchema.shape.state.optional(), ...pageInput }), answer: pageOf(operationSchema),
    handle: ({ ctx, actor, site, query }) => listOperations(ctx, actor, { site, ...query }),
  }),
  endpoint({
    ...common, operationId: 'startOperation', method: 'post', path: '/v1/operations', right: 'read', status: 202,
    summary: 'Start long work: train a model, check for drift, judge stored windows anew',
    description: 'Training needs the right `model.train`, a drift check `drift.check`, a rescore `score.rescore`. '
      + 'The operation is accepted although Temporal may be away; watch it at its own address.',
    body: requestSchema, answer: operationSchema,
    handle: async ({ ctx, actor, site, body }) => {
      const { operationId } = await start(ctx, actor, site, body)
      return getOperation(ctx, actor, { site, operation: operationId })
    },
  }),
  endpoint({
    ...common, ...one, operationId: 'getOperation', method: 'get', path: '/v1/operations/{operation}', right: 'read', summary: 'How one operation goes',
    answer: operationSchema,
    handle: ({ ctx, actor, site, params }) => getOperation(ctx, actor, { site, operation: params.operation }),
  }),
  endpoint({
    ...common, ...one, operationId: 'pauseOperation', method: 'post', path: '/v1/operations/{operation}/pause', right: 'operation.pause', status: 202,
    summary: 'Have an operation wait after the step it is in', description: 'Only kinds that say `pausable`. It waits until it is resumed or cancelled, whatever restarts meanwhile.', answer: operationSchema,
    handle: steer(pauseOperation),
  }),
  endpoint({
    ...common, ...one, operationId: 'resumeOperation', method: 'post', path: '/v1/operations/{operation}/resume', right: 'operation.pause', status: 202,
    summary: 'Have an operation go on where it waited', answer: operationSchema,
    handle: steer(resumeOperation),
  }),
  endpoint({
    ...common, ...one, operationId: 'cancelOperation', method: 'post', path: '/v1/operations/{operation}/cancel', right: 'operation.cancel', status: 202,
    summary: 'Ask an operation to stop', description: 'It ends as `cancelled` once it has cleaned up; an ended one stays as it is.', answer: operationSchema,
    handle: steer(cancelOperation),
  }),
]
