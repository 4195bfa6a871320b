import { OpenAPIHono } from '@hono/zod-openapi'
import { authentication, limiting } from './auth.ts'
import { limitBody, refuseNul } from './body.ts'
import type { ApiDeps } from './deps.ts'
import type { ApiEnv } from './env.ts'
import { answerError, ApiError, invalidRequest } from './errors.ts'
import { createFailedAttempts } from './failed-attempts.ts'
import { methodNotAllowed } from './method-not-allowed.ts'
import { createMetrics } from './metrics.ts'
import { mount } from './mount.ts'
import { describeApi } from './openapi.ts'
import { allEndpoints } from './routes/index.ts'
import { mountProbes } from './routes/probes.ts'
import { mountSession } from './routes/session.ts'
import { securityHeaders } from './security-headers.ts'
import { createSessions } from './session.ts'
import { createSiteDirectory } from './site.ts'
import { tracing } from './trace.ts'

/**
 * The HTTP API and, where it was built, the console. What each request passes, in order: trace and log, security
 * headers, body limit, authentication, right at its site, schemas, idempotency, service.
 */
export function createApp(deps: ApiDeps): OpenAPIHono<ApiEnv> {
  const { ctx } = deps
  const app = new OpenAPIHono<ApiEnv>({
    defaultHook: (result) => {
      if (!result.success) throw invalidRequest(result.target, result.error)
    },
  })
  const metrics = createMetrics(ctx.pool)
  const sessions = createSessions(deps.sessionSecret, ctx.nowUs)
  const failedAttempts = createFailedAttempts(ctx.nowUs)
  const authenticate = authentication({ authenticator: deps.authenticator, sessions, failedAttempts })

  app.onError(answerError)
  app.use(tracing(deps.log, metrics.observe))
  app.use(securityHeaders)
  app.use(limitBody)
  app.use(refuseNul)

  mountProbes(app, { ctx, metrics, ...(!deps.metricsOpen && { guard: authenticate }) })
  mountSession(app, { authenticator: deps.authenticator, sessions, limited: limiting(failedAttempts), authenticate })
  app.use('/v1/*', authenticate)

  const endpoints = allEndpoints(deps)
  const sites = createSiteDirectory(ctx.pool)
  for (const spec of endpoints) mount(app, spec, { ctx, sites, checkAnswers: deps.checkAnswers === true })
  let document: string | undefined
  app.get('/openapi.json', (c) => {
    // Made for whoever asks first: it costs as much as all else of a start.
    document ??= JSON.stringify(describeApi(app, deps.version))
    return c.body(document, 200, { 'content-type': 'application/json' })
  })

  app.use('/v1/*', methodNotAllowed(endpoints))
  if (deps.console) app.use(deps.console)
  app.notFound((c) => answerError(new ApiError('not_found', `There is nothing at ${c.req.path.slice(0, 200)}; GET /openapi.json lists what there is.`), c))
  return app
}
