import { z } from 'zod'
import { delegateGates, delegateGatesInput } from '../../registry/services/gates/delegate-gates.ts'
import { listDelegations } from '../../registry/services/read/delegations.ts'
import { pageInput } from '../../registry/services/read/page.ts'
import { revokeDelegation } from '../../registry/services/gates/revoke-delegation.ts'
import { endpoint } from '../endpoint.ts'
import { uuidOf } from '../mount.ts'
import { pageOf } from '../pagination.ts'
import { flag, instantUs } from './common.ts'

const delegationSchema = z
  .object({
    id: z.string(),
    site: z.string(),
    family: z.string().nullable().describe('Null: every family of the site'),
    delegator: z.string(),
    delegate: z.string().describe('Decides for the delegator'),
    reason: z.string(),
    madeAt: z.string(),
    until: z.string(),
    revokedAt: z.string().nullable(),
    revokedBy: z.string().nullable(),
    state: z.enum(['running', 'ended', 'revoked']),
  })
  .meta({ id: 'Delegation' })

const common = { tag: 'Governance', scope: 'site' } as const

export const delegationEndpoints = [
  endpoint({
    ...common, method: 'get', operationId: 'listDelegations', path: '/v1/delegations', scope: 'sites', right: 'read', summary: 'Who decides at gates for whom, newest first',
    query: z.object({ running: flag.optional().describe('Only those that run'), mine: flag.optional().describe('Only those that you gave or hold'), ...pageInput }),
    answer: pageOf(delegationSchema),
    handle: ({ ctx, actor, site, query }) => listDelegations(ctx, actor, { site, ...query }),
  }),
  endpoint({
    ...common, method: 'post', operationId: 'delegateGates', path: '/v1/delegations', right: 'gate.decide', status: 201,
    summary: 'Let somebody decide at gates for you, until a date',
    description: 'What counts is what you may do in your own right when the decision is made; a delegate cannot delegate on, and for what you requested or made nobody decides in your name.',
    body: delegateGatesInput.omit({ site: true, untilUs: true }).extend({ until: instantUs.describe('A year from now at the most') }).strict(),
    answer: z.object({ id: z.string(), delegator: z.string(), delegate: z.string(), family: z.string().nullable(), until: z.string() }),
    handle: ({ ctx, actor, site, body: { until, ...body } }) => delegateGates(ctx, actor, { site, untilUs: until, ...body }),
  }),
  endpoint({
    ...common, method: 'post', operationId: 'revokeDelegation', path: '/v1/delegations/{delegation}/revoke', right: 'gate.take-part', summary: 'End a delegation at once',
    params: z.object({ delegation: uuidOf('delegation') }), locate: { kind: 'delegation', param: 'delegation' },
    answer: z.object({ id: z.string(), revokedAt: z.string() }),
    handle: ({ ctx, actor, site, params }) => revokeDelegation(ctx, actor, { site, delegation: params.delegation }),
  }),
]
