import type { MiddlewareHandler } from 'hono'
import type { ApiEnv } from './env.ts'

/** No inline script or style, nothing from elsewhere, framed by nobody. uPlot and Preact set styles through the CSSOM, which this allows. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", "font-src 'self'",
  "connect-src 'self'", "manifest-src 'self'", "base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'",
].join('; ')

/** Said with every answer. Strict-Transport-Security is left to whoever terminates TLS: only they know that it is there. */
export const securityHeaders: MiddlewareHandler<ApiEnv> = async (c, next) => {
  await next()
  c.header('content-security-policy', CONTENT_SECURITY_POLICY)
  c.header('x-content-type-options', 'nosniff')
  c.header('x-frame-options', 'DENY')
  c.header('referrer-policy', 'no-referrer')
  c.header('cross-origin-opener-policy', 'same-origin')
  c.header('cross-origin-resource-policy', 'same-origin')
  c.header('permissions-policy', 'camera=(), geolocation=(), microphone=()')
  // Answers are about this moment and this actor; assets with a hash in their name say otherwise themselves.
  if (!c.res.headers.has('cache-control')) c.header('cache-control', 'no-store')
}
