import type { MiddlewareHandler } from 'hono'
import type { Endpoint } from './endpoint.ts'
import type { ApiEnv } from './env.ts'
import { ApiError } from './errors.ts'

/** For what no operation took: an address that is there under another method is 405 and says which (RFC 9110 §15.5.6). */
export function methodNotAllowed(endpoints: readonly Pick<Endpoint, 'method' | 'path'>[]): MiddlewareHandler<ApiEnv> {
  const patterns = endpoints.map(({ method, path }) => ({ method: method.toUpperCase(), pattern: new RegExp(`^${path.replaceAll(/\{[^}]+\}/g, '[^/]+')}$`) }))
  return async (c, next) => {
    const allowed = [...new Set(patterns.filter(({ pattern }) => pattern.test(c.req.path)).map(({ method }) => method))]
    if (allowed.length > 0 && !allowed.includes(c.req.method === 'HEAD' ? 'GET' : c.req.method)) {
      throw new ApiError('method_not_allowed', `${c.req.method} is not possible here; ${allowed.join(' and ')} is.`, { headers: { allow: allowed.join(', ') } })
    }
    await next()
  }
}
