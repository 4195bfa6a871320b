import { createRoute, type OpenAPIHono, type RouteConfig } from '@hono/zod-openapi'
import { isDeepStrictEqual } from 'node:util'
import type { Context, Handler, MiddlewareHandler } from 'hono'
import { z } from 'zod'
import { demand, type Actor } from '../registry/domain/access/rights.ts'
import { FLEET_SITE } from '../registry/domain/contract/primitives.ts'
import { refuse } from '../registry/domain/errors.ts'
import type { ServiceContext } from '../registry/services/context.ts'
import { ALL_SITES } from '../registry/store/transaction.ts'
import type { Endpoint } from './endpoint.ts'
import type { ApiEnv } from './env.ts'
import { problemSchema } from './errors.ts'
import { onceFor } from './idempotency.ts'
import { mayAnywhere, siteOfRequest, siteOfThing, UUID, type SiteDirectory } from './site.ts'

export interface MountDeps {
  readonly ctx: ServiceContext
  readonly sites: SiteDirectory
  /** Tests hold every answer against its documented schema. */
  readonly checkAnswers: boolean
}

const siteParameter = z.string().optional().describe('Site to act on; may be left out when your key covers only one')
const sitesParameter = z.string().optional().describe('Site to look at; left out, all that your key covers')
const idempotencyHeader = z.object({
  'idempotency-key': z.string().min(1).max(200).optional()
    .describe('Repeating a request with the same key gives the first answer again instead of doing it twice; kept for a day'),
})

/** Adds an operation to the app: its documentation, its checks in their order, and its handler. */
export function mount(app: OpenAPIHono<ApiEnv>, spec: Endpoint, deps: MountDeps): void {
  const handle: Handler<ApiEnv> = async (c) => {
    const work = async () => ({ status: spec.status ?? 200, body: await perform(c, spec, deps) })
    const key = spec.method === 'post' ? c.req.header('idempotency-key') : undefined
    if (key === undefined) {
      const { status, body } = await work()
      return c.json(body, status)
    }
    const { status, body, repeated } = await onceFor(deps.ctx.pool, {
      site: c.get('site'), actor: c.get('actor'), key, method: c.req.method,
      target: c.req.path + new URL(c.req.url).search, body: await c.req.text(), secretAnswer: spec.secretAnswer === true,
    }, work)
    if (repeated) c.header('idempotency-replayed', 'true')
    return c.json(body as object, status as 200)
  }
  // The types were checked where the endpoint was declared; from here on it is one of many.
  app.openapi(createRoute(documentation(spec, deps)), handle as never)
}

async function perform(c: Context<ApiEnv>, spec: Endpoint, { ctx, checkAnswers }: MountDeps): Promise<object> {
  const valid = (target: string) => c.req.valid(target as never) as unknown
  const answer = await spec.handle({
    ctx, actor: c.get('actor'), site: c.get('site'), traceId: c.get('traceId'),
    params: spec.params ? valid('param') : {},
    query: spec.query ? valid('query') : {},
    body: spec.body ? valid('json') : undefined,
  })
  if (checkAnswers) demandDocumented(spec, answer)
  return answer as object
}

/** Right and site come first: whoever may not do a thing learns nothing about it, not even how to ask. */
function guard(spec: Endpoint, sites: SiteDirectory): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    c.set('route', spec.path)
    const actor = c.get('actor')
    if (spec.scope === 'fleet') {
      if (!mayAnywhere(actor, spec.right)) demand(actor, spec.right, FLEET_SITE)
      c.set('site', FLEET_SITE)
    } else {
      const site = await siteFor(spec, c, actor, sites)
      demand(actor, spec.right, site)
      c.set('site', site)
    }
    await next()
  }
}

async function siteFor(spec: Endpoint, c: Context<ApiEnv>, actor: Actor, sites: SiteDirectory): Promise<string> {
  const named = c.req.query('site')
  if (spec.fleetToo && named === FLEET_SITE) return FLEET_SITE
  if (named === undefined && actor.sites === '*') {
    if (spec.locate) return siteOfThing({ kind: spec.locate.kind, id: c.req.param(spec.locate.param) ?? '' }, sites)
    if (spec.scope === 'sites') return ALL_SITES
  }
  return siteOfRequest(actor, named, sites)
}

function documentation(spec: Endpoint, deps: MountDeps): RouteConfig {
  const query = z.strictObject({ ...(spec.scope !== 'fleet' && { site: spec.scope === 'sites' ? sitesParameter : siteParameter }), ...spec.query?.shape })
  const problem = (description: string) => ({ description, content: { 'application/problem+json': { schema: problemSchema } } })
  const found = spec.params !== undefined
  return {
    operationId: spec.operationId,
    method: spec.method,
    path: spec.path,
    tags: [spec.tag],
    summary: spec.summary,
    description: [spec.description, `Needs the right \`${spec.right}\`.`].filter(Boolean).join('\n\n'),
    security: [{ apiKey: [] }, { session: [] }],
    middleware: [guard(spec, deps.sites)],
    request: {
      ...(spec.params && { params: spec.params }),
      query,
      ...(spec.method === 'post' && { headers: idempotencyHeader }),
      ...(spec.body && { body: { required: true, content: { 'application/json': { schema: spec.body } } } }),
    },
    responses: {
      [spec.status ?? 200]: { description: 'Done', content: { 'application/json': { schema: spec.answer } } },
      400: problem('The request does not fit; `errors` points at each field'),
      401: problem('No key, or one that is not valid'),
      403: problem('The right is missing'),
      ...(found && { 404: problem('There is no such thing at this site') }),
      409: problem('In conflict with the present state, or the site is ambiguous'),
      ...(spec.body && { 413: problem('The body is over 1 MiB'), 415: problem('The body is not JSON'), 422: problem('Cannot be done as asked') }),
      429: problem('Too many failed authentications from this address'),
      default: problem('Anything else that went wrong'),
    },
  }
}

function demandDocumented(spec: Endpoint, answer: unknown): void {
  const sent: unknown = JSON.parse(JSON.stringify(answer))
  const documented = spec.answer.safeParse(sent)
  if (!documented.success) throw new Error(`${spec.operationId} answers what its schema does not allow: ${z.prettifyError(documented.error)}`)
  if (!isDeepStrictEqual(documented.data, sent)) throw new Error(`${spec.operationId} answers fields that its schema does not name: ${JSON.stringify(sent).slice(0, 500)}`)
}

/** A path parameter that names something by a UUID: anything else cannot exist, so it is not found rather than malformed. */
export const uuidOf = (what: string) => z.string().refine((id) => {
  if (UUID.test(id)) return true
  return refuse('not_found', `There is no ${what} ${id.slice(0, 80)}.`)
}).describe(`Id of the ${what}`)

