import type { OpenAPIHono } from '@hono/zod-openapi'
import type { MiddlewareHandler } from 'hono'
import type { ServiceContext } from '../../registry/services/context.ts'
import type { ApiEnv } from '../env.ts'
import { ApiError } from '../errors.ts'
import type { Metrics } from '../metrics.ts'

interface ProbesDeps {
  readonly ctx: ServiceContext
  readonly metrics: Metrics
  /** Who may read the metrics; everybody when absent. */
  readonly guard?: MiddlewareHandler<ApiEnv>
}

/** For machines that watch this process. They tell no secret and need no key, but for the metrics. */
export function mountProbes(app: OpenAPIHono<ApiEnv>, { ctx, metrics, guard }: ProbesDeps): void {
  app.get('/healthz', (c) => c.json({ status: 'ok' }))

  // Ready means: reads and verbs work. They need PostgreSQL alone: verbs wait in the outbox while Temporal is away.
  app.get('/readyz', async (c) => {
    try {
      await ctx.pool.query('select 1')
    } catch (error) {
      c.get('log').warn({ err: error }, 'not ready')
      throw new ApiError('unavailable', 'The database does not answer.', { headers: { 'retry-after': '5' } })
    }
    return c.json({ status: 'ready' })
  })

  app.get('/metrics', guard ?? (async (_c, next) => next()), async (c) => {
    const { contentType, text } = await metrics.render()
    return c.body(text, 200, { 'content-type': contentType })
  })
}
