import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { acknowledgeAlarm, listAlarms, type DeskAnswer } from './alarm-desk.ts'
import { boxPage, boxPagePolicy } from './box-page.ts'
import { createMetrics } from './metrics.ts'
import type { SitePlan } from './plan.ts'
import type { RunningSite } from './run-site.ts'

export interface HealthServer {
  /** Where it answers, `http://127.0.0.1:9464`. */
  readonly url: string
  close(): Promise<void>
}

export interface HealthServerOptions {
  readonly listen: NonNullable<SitePlan['health']>
  readonly site: () => RunningSite | undefined
  readonly plan: () => SitePlan
  readonly version: string
  /** Why no gateway runs, when it is not just being started. */
  readonly absence: () => string | null
}

/**
 * `GET /healthz`: 200 while readings are taken and kept (troubles and all are in the body), 503 while they are not.
 * `GET /metrics`: the same for Prometheus. `/alarms`: local alarms.
 * `/values`: the newest of each tag. `/judged`: machines by the release that judges them here.
 * `/export/…`: files of what it holds. `/`: all of it as a page. Rejects when the address cannot be had.
 */
async function openHealthServer({ listen: { host, port }, site, plan, version, absence }: HealthServerOptions): Promise<HealthServer> {
  const metrics = createMetrics(() => {
    const running = site()
    return running && { status: running.status(), figures: running.figures() }
  })

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://gateway')
    const acknowledged = /^\/alarms\/([^/]+)\/acknowledge$/.exec(pathname)?.[1]
    // Ids need no encoding, so what is encoded is none.
    if (acknowledged !== undefined && request.method === 'POST') return json(response, await acknowledgeAlarm(site(), acknowledged, request))
    if (request.method !== 'GET' && request.method !== 'HEAD') return send(response, 405, 'text/plain', 'only GET\n')
    if (pathname === '/') {
      response.setHeader('content-security-policy', boxPagePolicy)
      return send(response, 200, 'text/html; charset=utf-8', boxPage)
    }
    if (pathname === '/values') return json(response, { status: 200, body: { items: site()?.values() ?? [] } })
    if (pathname === '/alarms') return json(response, listAlarms(site()))
    if (pathname === '/judged') return json(response, { status: 200, body: { items: site()?.judged() ?? [] } })
    const file = /^\/export\/([a-z.]+)$/.exec(pathname)?.[1]
    if (file !== undefined) return giveFile(response, site(), file, searchParams)
    if (pathname === '/metrics') return send(response, 200, metrics.contentType, await metrics.text())
    if (pathname !== '/healthz') return send(response, 404, 'text/plain', 'here are /, /healthz, /metrics, /alarms, /judged and /values\n')
    const running = site()
    const { site: siteId, gateway } = plan()
    const figures = running?.figures()
    const body = {
      site: siteId, gateway, version, connected: figures?.uplink.connected ?? false, alone: plan().platform.url === null, lastAcknowledgedUs: figures?.lastAcknowledgedUs ?? null,
      gapsOpen: figures?.gapsOpen ?? null, alarmsStanding: figures?.alarmsStanding ?? null, certificateSeconds: figures?.certificateSeconds ?? null, ...(running?.status() ?? { state: 'degraded', problems: [absence() ?? 'the gateway is being started'] }),
    }
    send(response, figures?.keeping === true ? 200 : 503, 'application/json', `${JSON.stringify(body)}\n`)
  }

  const server = createServer((request, response) => {
    answer(request, response).catch(() => { send(response, 500, 'text/plain', 'the figures cannot be told now\n') })
  })
  server.listen(port, host)
  await once(server, 'listening')
  const { port: bound } = server.address() as AddressInfo
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => { server.close(resolve) })
    },
  }
}

const json = (response: ServerResponse, { status, body }: DeskAnswer): void => { send(response, status, 'application/json', `${JSON.stringify(body)}\n`) }

/** As fast as it is taken, so that a long time costs no memory. */
async function giveFile(response: ServerResponse, site: RunningSite | undefined, name: string, query: URLSearchParams): Promise<void> {
  const found = site?.exports.open(name, query)
  if (!found) return send(response, site ? 404 : 503, 'text/plain', 'here are /export/readings.csv, /export/windows.ndjson and /export/alarms.ndjson, with ?from= and &to= (RFC 3339)\n')
  response.writeHead(200, { 'content-type': found.type, 'cache-control': 'no-store', 'x-content-type-options': 'nosniff', 'content-disposition': `attachment; filename="${name}"` })
  // Whoever asked may have gone.
  await pipeline(Readable.from(found.text), response).catch(() => {})
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  if (response.headersSent) return
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' }).end(response.req.method === 'HEAD' ? undefined : body)
}

/** Keeps the server where the plan wants it. An address that cannot be had is a trouble to be told, and tried again. */
export function createHealthKeeper(options: Omit<HealthServerOptions, 'listen'> & { readonly tell: (problem: string | null) => void }) {
  let open: { readonly at: string; readonly server: HealthServer } | undefined
  const close = async () => {
    await open?.server.close()
    open = undefined
  }
  return {
    async follow(): Promise<void> {
      const { health } = options.plan()
      const at = JSON.stringify(health)
      if (open?.at === at) return
      await close()
      if (!health) return
      try {
        open = { at, server: await openHealthServer({ ...options, listen: health }) }
        options.tell(null)
      } catch (error) {
        options.tell(`health cannot be told at ${health.host}:${health.port} (${(error as NodeJS.ErrnoException).code ?? 'failed'}); name a free address of this machine under health: listen`)
      }
    },
    url: () => open?.server.url,
    close,
  }
}
