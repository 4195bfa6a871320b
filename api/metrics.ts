import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { Pool } from '../registry/store/pool.ts'
import { readBacklog } from '../registry/store/backlog.ts'
import { ALL_SITES, inSite } from '../registry/store/transaction.ts'

export interface Metrics {
  readonly observe: (request: { method: string; route: string; status: number; seconds: number }) => void
  /** Prometheus text format, with the content type to serve it as. */
  render(): Promise<{ contentType: string; text: string }>
}

/** This process's own figures, and how much work waits in the database, read when somebody looks. */
export function createMetrics(pool: Pool): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const requests = new Histogram({
    name: 'twinward_http_request_duration_seconds',
    help: 'Time to answer a request, by operation',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [registry],
  })
  const backlog = new Gauge({
    name: 'twinward_backlog', help: 'Rows that wait for their next step', labelNames: ['what'], registers: [registry],
  })
  return {
    observe: ({ method, route, status, seconds }) => { requests.observe({ method, route, status }, seconds) },
    async render() {
      const counts = await inSite(pool, ALL_SITES, readBacklog)
      for (const [what, count] of Object.entries(counts) as [string, number][]) backlog.set({ what }, count)
      return { contentType: registry.contentType, text: await registry.metrics() }
    },
  }
}
