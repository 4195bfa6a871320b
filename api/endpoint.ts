import type { z } from 'zod'
import type { Actor, Right } from '../registry/domain/access/rights.ts'
import type { ServiceContext } from '../registry/services/context.ts'
import type { Located } from '../registry/store/site-of.ts'

/** What the documentation groups operations by. */
export const tags = ['Plant', 'Data', 'Twins', 'Models', 'Governance', 'Alerts', 'Operations', 'Access', 'Platform'] as const

type Method = 'get' | 'post' | 'patch' | 'delete'
type Empty = Record<never, never>

/** An operation's answer as its handler gives it: readonly all the way down, so that services need not copy. */
type Given<T> = T extends readonly (infer Item)[] ? readonly Given<Item>[] : T extends object ? { readonly [K in keyof T]: Given<T[K]> } : T

/** What a handler gets: everything checked, and the actor known to have the operation's right at the site. */
export interface Call<Params = Empty, Query = Empty, Body = undefined> {
  readonly ctx: ServiceContext
  readonly actor: Actor
  /** An operation over the fleet gets `_fleet`. */
  readonly site: string
  readonly params: Params
  readonly query: Query
  readonly body: Body
  readonly traceId: string
}

type Out<S> = S extends z.ZodType ? z.output<S> : Empty

/**
 * One operation of the API: what it is called, takes and gives, what right it needs, and the service it adapts. The
 * same schemas validate, document and, in tests, check the answer.
 */
export interface EndpointSpec<
  Params extends z.ZodObject | undefined, Query extends z.ZodObject | undefined, Body extends z.ZodType | undefined, Answer extends z.ZodType,
> {
  readonly operationId: string
  readonly method: Method
  /** OpenAPI's form, `/v1/assets/{asset}`. */
  readonly path: string
  readonly tag: (typeof tags)[number]
  readonly summary: string
  readonly description?: string
  /** Checked at the site before anything of the request is looked at; the service checks again. */
  readonly right: Right
  /**
   * `site`: acts on one site, named by `?site=` where the key covers several. `sites`: looks at that one, or at all the
   * key covers when none is named (then `site` is `*`). `fleet`: on none in particular.
   */
  readonly scope: 'site' | 'sites' | 'fleet'
  /** Acts on the fleet's own rows too, as `?site=_fleet`, for actors who cover every site. */
  readonly fleetToo?: true
  /** The thing this path parameter names tells its site, so a key that covers several need not. */
  readonly locate?: { readonly kind: Located; readonly param: string }
  readonly params?: Params
  readonly query?: Query
  readonly body?: Body
  readonly answer: Answer
  readonly status?: 200 | 201 | 202
  /** The answer holds a secret that is shown this once: a repeated request is refused rather than answered again. */
  readonly secretAnswer?: true
  readonly handle: (call: Call<Out<Params>, Out<Query>, Body extends z.ZodType ? z.output<Body> : undefined>) => Promise<Given<z.input<Answer>>>
}

/** An operation whose exact types no longer matter: what the app mounts and documents. */
export type Endpoint = Omit<EndpointSpec<z.ZodObject | undefined, z.ZodObject | undefined, z.ZodType | undefined, z.ZodType>, 'handle'> & {
  readonly handle: (call: Call<unknown, unknown, unknown>) => Promise<unknown>
}

/** Declares an operation; only here its exact types are let go, after they were checked against the handler. */
export function endpoint<
  Answer extends z.ZodType, Params extends z.ZodObject | undefined = undefined, Query extends z.ZodObject | undefined = undefined,
  Body extends z.ZodType | undefined = undefined,
>(spec: EndpointSpec<Params, Query, Body, Answer>): Endpoint {
  return spec as unknown as Endpoint
}
