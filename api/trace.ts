import { randomBytes } from 'node:crypto'
import type { MiddlewareHandler } from 'hono'
import type { Logger } from 'pino'
import type { ApiEnv } from './env.ts'

/** W3C Trace Context, version 00: version-traceid-parentid-flags. */
const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$/

/** The caller's trace id when it sent a valid one, else a new one. All zeros is invalid by the standard. */
export function traceIdOf(traceparent: string | undefined): string {
  const id = TRACEPARENT.exec(traceparent ?? '')?.[1]
  return id === undefined || /^0+$/.test(id) ? randomBytes(16).toString('hex') : id
}

/** Names each request, answers with the name, and writes one line about it when it is over. Never logs a query's values. */
export function tracing(log: Logger, onDone: (c: { method: string; route: string; status: number; seconds: number }) => void): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    const started = performance.now()
    const traceId = traceIdOf(c.req.header('traceparent'))
    c.set('traceId', traceId)
    c.set('log', log.child({ traceId }))
    await next()
    c.header('traceparent', `00-${traceId}-${randomBytes(8).toString('hex')}-00`)
    const ms = performance.now() - started
    const status = c.res.status
    onDone({ method: c.req.method, route: routeOf(c.req.path, c.get('route')), status, seconds: ms / 1000 })
    const actor = c.get('actor') as { id: string } | undefined
    const line = { method: c.req.method, path: c.req.path, status, ms: Math.round(ms * 10) / 10, ...(actor && { actor: actor.id }) }
    if (status >= 500) c.get('log').error(line, 'request')
    else c.get('log').info(line, 'request')
  }
}

/** The route's pattern; anything unmatched shares one name, so that a scanner cannot fill the metrics. */
const routeOf = (path: string, route: string | undefined) => route ?? (path.startsWith('/v1/') ? '/v1/*' : 'other')
