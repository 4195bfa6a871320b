import { constants } from 'node:crypto'
import { createServer } from 'node:https'
import type { AddressInfo, Server as NetServer } from 'node:net'
import type { SecureContextOptions, TlsOptions } from 'node:tls'
import type { Logger } from 'pino'
import type { ServiceContext } from '../../registry/services/context.ts'
import { AUTHORITY_CHANGED, GATEWAY_ACCESS_CHANNEL } from '../../registry/store/gateway-access.ts'
import { livingByAuthority } from '../../registry/store/gateway-certificates.ts'
import { ALL_SITES, inSite } from '../../registry/store/transaction.ts'
import type { DoorConfig, MqttConnection } from '../config.ts'
import { PortTakenError } from '../dev/ports.ts'
import type { PlatformAuthority } from '../gateway-ca/authority.ts'
import { createListener } from '../pg-listener.ts'
import { createMqttDoor, trackConnections } from './mqtt.ts'
import { createRequests } from './requests.ts'

export interface DoorOptions {
  readonly ctx: ServiceContext
  readonly authority: PlatformAuthority
  readonly config: DoorConfig
  /** The platform's broker. */
  readonly mqtt: MqttConnection
  readonly log: Logger
  readonly copyGraceMs?: number
}

export interface Door {
  /** Where it answers HTTPS: host:port, as gateways reach it. */
  readonly address: string
  readonly mqttAddress: string
  /** Gateways that are connected. */
  readonly sessions: () => number
  stop(): Promise<void>
}

const DAY_MS = 86_400_000
const LOOK_MS = 30_000

/**
 * Where gateways come in from the network: enrolling and renewing over HTTPS, batches and reports over MQTT. TLS 1.3 alone, by a certificate whose key
 * never leaves this process. Whoever comes is judged after the handshake, so that a refusal can say why.
 * @throws PortTakenError when another program listens there
 */
export async function startDoor({ ctx, authority, config, mqtt, log, copyGraceMs }: DoorOptions): Promise<Door> {
  await retire(ctx, authority)
  let mqttAddress = ''
  const deps = { ...ctx, authority, log, mqttAddress: () => mqttAddress }
  const options = await tlsOptions(authority)
  const requests = createServer({ ...options, requestTimeout: 30_000, headersTimeout: 15_000 }, createRequests(deps))
  requests.maxConnections = MOST_CONNECTIONS
  const closeRequests = trackConnections(requests)
  requests.on('tlsClientError', (error, socket) => { log.info({ problem: error.message, address: socket.remoteAddress }, 'no TLS came about at the door') })
  const messages = createMqttDoor({ deps, tlsOptions: options, mqtt, maxConnections: MOST_CONNECTIONS, ...(copyGraceMs !== undefined && { copyGraceMs }) })
  await listen(requests, config.host, config.port, 'TWINWARD_DOOR_PORT')
  try {
    await listen(messages.server, config.host, config.mqttPort, 'TWINWARD_DOOR_MQTT_PORT')
  } catch (error) {
    requests.close()
    throw error
  }
  mqttAddress = reachable(config.name, portOf(messages.server))

  async function refresh(): Promise<void> {
    authority.reload()
    await retire(ctx, authority)
    const context = await contextOf(authority)
    requests.setSecureContext(context)
    messages.server.setSecureContext(context)
  }
  const warn = (what: string) => (error: unknown) => { log.warn({ err: error }, what) }
  const refreshing = setInterval(() => { void refresh().catch(warn('the door keeps its certificate for now')) }, DAY_MS)
  const looking = setInterval(() => { void messages.recheck().catch(warn('it could not be looked who is let in no more')) }, LOOK_MS)
  // What is missed here the look finds: certificates that run out tell nobody.
  const listener = createListener({
    pool: ctx.pool, channel: GATEWAY_ACCESS_CHANNEL, log,
    onNotify(payload) {
      if (payload === AUTHORITY_CHANGED) void refresh().catch(warn('the new authority could not be taken up'))
      else void messages.recheck(payload === '' ? undefined : payload).catch(warn('it could not be looked who is let in no more'))
    },
  })
  listener.start()
  return {
    address: reachable(config.name, portOf(requests)), mqttAddress, sessions: messages.sessions,
    async stop() {
      clearInterval(refreshing)
      clearInterval(looking)
      await listener.stop()
      const closed = new Promise<void>((resolve) => { requests.close(() => { resolve() }) })
      closeRequests()
      await Promise.all([messages.stop(), closed])
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

const tlsOptions = async (authority: PlatformAuthority): Promise<TlsOptions> => ({
  ...await contextOf(authority), requestCert: true, rejectUnauthorized: false, handshakeTimeout: 10_000,
})

/** Authorities that no living certificate is by are trusted no more. */
async function retire(ctx: ServiceContext, authority: PlatformAuthority): Promise<void> {
  const living = await inSite(ctx.pool, ALL_SITES, (tx) => livingByAuthority(tx, ctx.nowUs()))
  authority.retire(new Set(living.keys()))
}

const portOf = (server: NetServer): number => (server.address() as AddressInfo).port

function listen(server: NetServer, host: string, port: number, variable: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(error.code === 'EADDRINUSE' || error.code === 'EACCES' ? new PortTakenError(port, variable, host) : error)
    })
    server.listen(port, host, () => { resolve() })
  })
}

const reachable = (name: string, port: number): string => `${name.includes(':') ? `[${name}]` : name}:${port}`
