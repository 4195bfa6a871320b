import { constants } from 'node:crypto'
import { createServer, type Server } from 'node:https'
import type { AddressInfo, Server as NetServer } from 'node:net'
import type { SecureContextOptions, TlsOptions } from 'node:tls'
import type { Logger } from 'pino'
import type { ServiceContext } from '../../registry/services/context.ts'
import { livingByAuthority } from '../../registry/store/gateway-certificates.ts'
import { ALL_SITES, inSite } from '../../registry/store/transaction.ts'
import type { DoorConfig } from '../config.ts'
import { PortTakenError } from '../dev/ports.ts'
import type { PlatformAuthority } from '../gateway-ca/authority.ts'
import { createRequests } from './requests.ts'

export interface DoorOptions {
  readonly ctx: ServiceContext
  readonly authority: PlatformAuthority
  readonly config: DoorConfig
  readonly log: Logger
}

export interface Door {
  /** Where it answers HTTPS: host:port, as gateways reach it. */
  readonly address: string
  readonly mqttAddress: string
  stop(): Promise<void>
}

const DAY_MS = 86_400_000

/**
 * Where gateways come in from the network: enrolling and renewing over HTTPS. TLS 1.3 alone, by a certificate whose key
 * never leaves this process. Whoever comes is judged after the handshake, so that a refusal can say why.
 * @throws PortTakenError when another program listens there
 */
export async function startDoor({ ctx, authority, config, log }: DoorOptions): Promise<Door> {
  await retire(ctx, authority)
  let mqttAddress = ''
  const requests = createServer({ ...await tlsOptions(authority), requestTimeout: 30_000, headersTimeout: 15_000 },
    createRequests({ ...ctx, authority, log, mqttAddress: () => mqttAddress }))
  requests.maxConnections = MOST_CONNECTIONS
  requests.on('tlsClientError', (error, socket) => { log.info({ problem: error.message, address: socket.remoteAddress }, 'no TLS came about at the door') })
  const servers: (Server | NetServer)[] = [requests]
  await listen(requests, config.host, config.port, 'TWINWARD_DOOR_PORT')
  mqttAddress = reachable(config.name, config.mqttPort)

  async function refresh(): Promise<void> {
    authority.reload()
    await retire(ctx, authority)
    const context = await contextOf(authority)
    requests.setSecureContext(context)
  }
  const timer = setInterval(() => { refresh().catch((error: unknown) => { log.error({ err: error }, 'the door keeps its certificate for now') }) }, DAY_MS)
  timer.unref()
  return {
    address: reachable(config.name, (requests.address() as AddressInfo).port), mqttAddress,
    async stop() {
      clearInterval(timer)
      requests.closeAllConnections()
      await Promise.all(servers.map((server) => new Promise<void>((resolve) => { server.close(() => { resolve() }) })))
    },
  }
}

/** Of strangers too, who may open connections and say nothing. */
const MOST_CONNECTIONS = 2_000

async function contextOf(authority: PlatformAuthority): Promise<SecureContextOptions> {
  const { certificate, key } = await authority.forDoor()
  return {
    key: key.export({ type: 'pkcs8', format: 'pem' }), cert: certificate.toString(), ca: [...authority.trusted()], minVersion: 'TLSv1.3',
    // Every connection shows its certificate anew: a ticket would let in whoever was let in before.
    secureOptions: constants.SSL_OP_NO_TICKET,
  }
}

export const tlsOptions = async (authority: PlatformAuthority): Promise<TlsOptions> => ({
  ...await contextOf(authority), requestCert: true, rejectUnauthorized: false, handshakeTimeout: 10_000,
})

/** Authorities that no living certificate is by are trusted no more. */
async function retire(ctx: ServiceContext, authority: PlatformAuthority): Promise<void> {
  const living = await inSite(ctx.pool, ALL_SITES, (tx) => livingByAuthority(tx, ctx.nowUs()))
  authority.retire(new Set(living.keys()))
}

function listen(server: Server | NetServer, host: string, port: number, variable: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(error.code === 'EADDRINUSE' || error.code === 'EACCES' ? new PortTakenError(port, variable, host) : error)
    })
    server.listen(port, host, () => { resolve() })
  })
}

export const reachable = (name: string, port: number): string => `${name.includes(':') ? `[${name}]` : name}:${port}`
