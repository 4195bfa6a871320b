import { createAdaptorServer } from '@hono/node-server'
import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import type { Logger } from 'pino'
import { createApp } from '../api/app.ts'
import { consoleFiles } from '../api/console/static.ts'
import { createMinioStore } from '../registry/artifacts/minio.ts'
import { authenticate, authenticateDigest } from '../registry/services/authenticate.ts'
import type { ServiceContext } from '../registry/services/context.ts'
import { forgetOldRequests } from '../registry/store/idempotency.ts'
import { createPool } from '../registry/store/pool.ts'
import { ALL_SITES, inSite } from '../registry/store/transaction.ts'
import { ensureAdminKey } from './admin-key.ts'
import { loadConfig, type Connections, type DoorConfig } from './config.ts'
import { PortTakenError } from './dev/ports.ts'
import { createGateUpdates } from './gate-updates.ts'
import { openAuthorityKeeper } from './gateway-ca/keeper.ts'
import { createPlatformParts } from './platform-parts.ts'
import { createLazyReplayScorer } from './replay-scorer.ts'
import { bundleSigner } from './signing-key.ts'
import { sessionSecret } from './session-secret.ts'
import { root } from './setup/paths.mjs'
import { connectTemporal } from './temporal.ts'

export interface ApiServerOptions {
  readonly connections: Connections
  readonly dataDir: string
  readonly host: string
  /** 0 means any free one. */
  readonly port: number
  readonly log: Logger
  readonly metricsOpen?: boolean
  /** Where gateways come in; as the environment says unless told. */
  readonly door?: DoorConfig
  /** The built console; without it there is none. */
  readonly consoleDir?: string
  /** Hold answers against their schemas: for tests. */
  readonly checkAnswers?: boolean
}

export interface ApiServer {
  /** http://host:port */
  readonly address: string
  /** Lets requests in flight end, up to a second and a half; open streams are cut. */
  stop(): Promise<void>
}

const HOUR_MS = 3_600_000

/**
 * The API on its port, with everything behind it.
 * @throws PortTakenError when another program listens there
 */
export async function startApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const { connections, dataDir, log } = options
  const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { version: string }
  const pool = createPool(connections.database.url, { applicationName: 'twinward-api' })
  const ctx: ServiceContext = { pool, objects: createMinioStore(connections.s3), nowUs: () => Date.now() * 1000 }
  const temporal = await connectTemporal(connections.temporal)
  let address = ''
  const release = async () => { await Promise.allSettled([pool.end(), temporal.close()]) }
  try {
    const admin = await ensureAdminKey(ctx, dataDir)
    if (admin.outcome === 'does-not-work') log.warn(`the key in ${admin.file} does not work any more; delete the file and restart to get another`)
    else log.info(`admin key ${admin.outcome === 'made' ? 'written to' : 'is in'} ${admin.file}`)
    const consoleHandler = options.consoleDir === undefined ? undefined : await consoleFiles(options.consoleDir)
    const app = createApp({
      ctx, log, version,
      authenticator: { byKey: (key) => authenticate(ctx, key), byKeyDigest: (digest) => authenticateDigest(ctx, digest) },
      sessionSecret: sessionSecret(dataDir),
      gates: createGateUpdates(temporal.client),
      scorer: createLazyReplayScorer(ctx.objects),
      bundleSigner: bundleSigner(dataDir),
      gatewayDoor: await openAuthorityKeeper(dataDir, options.door ?? loadConfig({}).door),
      parts: createPlatformParts({ dataDir, ctx, temporalAddress: connections.temporal.address, version, address: () => address }),
      metricsOpen: options.metricsOpen === true,
      checkAnswers: options.checkAnswers === true,
      ...(consoleHandler && { console: consoleHandler }),
    })
    // A client that sends its request a byte a minute holds nothing for long.
    const server = createAdaptorServer({ fetch: app.fetch, serverOptions: { requestTimeout: 30_000, headersTimeout: 15_000, keepAliveTimeout: 5_000 } })
    await listen(server, options)
    address = addressOf(options.host, (server.address() as AddressInfo).port)
    const forget = () => {
      inSite(pool, ALL_SITES, forgetOldRequests).catch((error: unknown) => { log.warn({ err: error }, 'old idempotency records stay for now') })
    }
    const timer = setInterval(forget, HOUR_MS)
    timer.unref()
    return {
      address,
      async stop() {
        clearInterval(timer)
        const closed = new Promise<void>((resolve) => { server.close(() => { resolve() }) })
        if ('closeIdleConnections' in server) server.closeIdleConnections()
        const cut = setTimeout(() => { if ('closeAllConnections' in server) server.closeAllConnections() }, 1_500)
        await closed
        clearTimeout(cut)
        await release()
      },
    }
  } catch (error) {
    await release()
    throw error
  }
}

type Server = ReturnType<typeof createAdaptorServer>

function listen(server: Server, { host, port }: Pick<ApiServerOptions, 'host' | 'port'>): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(error.code === 'EADDRINUSE' || error.code === 'EACCES' ? new PortTakenError(port, 'TWINWARD_PORT', host) : error)
    })
    server.listen(port, host, () => { resolve() })
  })
}

/** An IPv6 address stands in brackets; one that listens everywhere is reached from here by loopback. */
function addressOf(host: string, port: number): string {
  const name = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '[::1]' : host.includes(':') ? `[${host}]` : host
  return `http://${name}:${port}`
}
