import net, { type Socket } from 'node:net'
import tls, { type TlsOptions, type TLSSocket } from 'node:tls'
import { generate } from 'mqtt-packet'
import { DomainError } from '../../registry/domain/errors.ts'
import { refuseCertificate } from '../../registry/domain/identity/certificate-state.ts'
import { admitGateway, faultsOf, lookAtCertificate } from '../../registry/services/gateways/admit-gateway.ts'
import { noteCopy } from '../../registry/services/gateways/note-access.ts'
import type { StoredCertificate } from '../../registry/store/gateway-certificates.ts'
import type { MqttConnection } from '../config.ts'
import { bothAtWork } from './copies.ts'
import { addressOf, fingerprintOf } from './peer.ts'
import { noted, type DoorDeps } from './requests.ts'
import { startSession, type Session } from './session.ts'

export interface MqttDoorOptions {
  readonly deps: DoorDeps
  readonly tlsOptions: TlsOptions
  /** The platform's broker. */
  readonly mqtt: MqttConnection
  readonly maxConnections: number
  /** How long what is left of a lost connection may still speak, 5 s unless told. */
  readonly copyGraceMs?: number
}

export interface MqttDoor {
  readonly server: tls.Server
  /** Ends sessions that are let in no more: those of a gateway (`site/gateway`), or all. */
  recheck(of?: string): Promise<void>
  readonly sessions: () => number
  stop(): Promise<void>
}

interface Live {
  readonly of: Pick<StoredCertificate, 'site' | 'gateway' | 'fingerprint'>
  readonly address: string
  readonly sinceUs: number
  readonly sinceMs: number
  lastActiveMs: number
  epoch: string | null
  clientId: string | null
  session?: Session
}

const NOT_AUTHORIZED = 5
/** Who is turned away is told once it has spoken, or after this. */
const SPEAK_WITHIN_MS = 2_000
const COPY_LOOK_MS = 1_000
/** So many times in a minute one and the same buffer connecting anew while it is connected is two of them. */
const TAKEOVERS = 3
const MINUTE_MS = 60_000

/** MQTT for gateways: lets in who shows a certificate that the register knows, and passes it on to the platform's broker. */
export function createMqttDoor({ deps, tlsOptions, mqtt, maxConnections, copyGraceMs = 5_000 }: MqttDoorOptions): MqttDoor {
  const { log, authority } = deps
  const live = new Set<Live>()
  const takeovers = new Map<string, number[]>()
  let stopping = false
  const server = tls.createServer(tlsOptions)
  const closeAll = trackConnections(server)
  server.maxConnections = maxConnections
  server.on('tlsClientError', (error, socket) => { log.info({ problem: error.message, address: socket.remoteAddress }, 'no TLS came about at the door') })
  server.on('secureConnection', (socket) => { void accept(socket) })

  const nameOf = ({ site, gateway }: Live['of']) => `${site}/${gateway}`
  const sameGateway = (one: Live) => [...live].filter(({ of }) => nameOf(of) === nameOf(one.of))

  async function accept(socket: TLSSocket): Promise<void> {
    socket.on('error', () => { socket.destroy() })
    socket.setNoDelay(true)
    const address = addressOf(socket)
    try {
      const certificate = await lookAtCertificate(deps, fingerprintOf(socket, authority.certificates()))
      if (stopping) socket.destroy()
      else begin(socket, certificate, address)
    } catch (error) {
      await refused(error, address)
      turnAway(socket)
    }
  }

  function begin(near: TLSSocket, certificate: StoredCertificate, address: string): void {
    const { site, gateway, fingerprint } = certificate
    const one: Live = { of: { site, gateway, fingerprint }, address, sinceUs: deps.nowUs(), sinceMs: performance.now(), lastActiveMs: 0, epoch: null, clientId: null }
    // Known before it is let in: a revocation that comes between the two ends it.
    live.add(one)
    one.session = startSession({
      near, of: one.of, openFar: () => openBroker(mqtt), credentials: mqtt,
      async admit({ epoch, clientId }) {
        await admitGateway(deps, fingerprint, { address, epoch })
        takeOver(one, clientId)
        one.epoch = epoch
        one.clientId = clientId
        log.info({ site, gateway, address, epoch }, 'a gateway came in')
      },
      onActivity: () => { one.lastActiveMs = performance.now() },
      onRefused: (refusal) => { void refused(refusal, address) },
      onFailed: (error) => { log.warn({ err: error, site, gateway, address }, 'a gateway cannot be passed on to the broker now; it tries again') },
    })
    void one.session.ended.then(() => {
      live.delete(one)
      log.info({ site, gateway, address }, 'a gateway went')
    })
  }

  /** As at a broker: of one client the newest connection counts. The same again and again is two boxes with one buffer. */
  function takeOver(one: Live, clientId: string): void {
    for (const other of sameGateway(one).filter((former) => former !== one && former.clientId === clientId)) {
      other.session?.end()
      void other.session?.ended.then((how) => {
        if (how === 'closed') countTakeover(one, other)
      })
    }
  }

  function countTakeover(one: Live, former: Live): void {
    const now = performance.now()
    const recent = [...(takeovers.get(nameOf(one.of)) ?? []).filter((at) => at > now - MINUTE_MS), now]
    takeovers.set(nameOf(one.of), recent)
    if (recent.length >= TAKEOVERS) tellCopy(former, one)
  }

  function lookForCopies(): void {
    const names = new Map([...live].filter(({ clientId }) => clientId !== null).map((one) => [nameOf(one.of), one]))
    for (const one of names.values()) {
      const found = bothAtWork(sameGateway(one).filter(({ clientId }) => clientId !== null), copyGraceMs)
      if (found) tellCopy(...found)
    }
    for (const [name, times] of takeovers) if (times.every((at) => at < performance.now() - MINUTE_MS)) takeovers.delete(name)
  }

  function tellCopy(...both: readonly [Live, Live]): void {
    const { site, gateway } = both[0].of
    const sessions = both.map(({ epoch, address, sinceUs, of: { fingerprint } }) => ({ epoch, address, fingerprint, sinceUs }))
    noteCopy(deps, { site, gateway }, { sessions }).then((news) => {
      if (news) log.error({ site, gateway, sessions }, 'a gateway is there twice: its disk was copied, or its key was stolen. Revoke it (twinward gateways revoke) and enrol the rightful one again')
    }, (error: unknown) => { log.warn({ err: error, site, gateway }, 'that a gateway is there twice could not be kept; it is tried again') })
  }

  async function refused(error: unknown, address: string): Promise<void> {
    if (!(error instanceof DomainError)) {
      log.error({ err: error, address }, 'a connection at the door could not be judged')
      return
    }
    log.warn({ address, problem: error.message, ...error.details }, 'refused at the door')
    await noted(deps, error, address)
  }

  async function recheck(of?: string): Promise<void> {
    const affected = [...live].filter((one) => of === undefined || nameOf(one.of) === of)
    if (affected.length === 0) return
    const faults = await faultsOf(deps, affected.map((one) => one.of.fingerprint))
    for (const one of affected) {
      const fault = faults.get(one.of.fingerprint)
      if (fault === undefined) continue
      one.session?.end()
      // The renewed one's own session goes on; that of the old is no news to anybody.
      if (fault === 'renewed') continue
      await refused(orError(() => refuseCertificate(fault, one.of)), one.address)
    }
  }

  const timer = setInterval(lookForCopies, COPY_LOOK_MS)
  timer.unref()
  return {
    server, recheck, sessions: () => live.size,
    async stop() {
      stopping = true
      clearInterval(timer)
      const closed = new Promise<void>((resolve) => { server.close(() => { resolve() }) })
      await Promise.all([...live].map(async ({ session }) => {
        session?.end()
        await session?.ended
      }))
      closeAll()
      await closed
    },
  }
}

/** A server waits for its connections to close, also for those whose handshake goes on; this closes them. */
export function trackConnections(server: net.Server): () => void {
  const open = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    open.add(socket)
    socket.once('close', () => { open.delete(socket) })
  })
  return () => { for (const socket of open) socket.destroy() }
}

/** Nothing of a stranger's is read: what it sends is thrown away, and it hears that it is not let in. */
function turnAway(socket: Socket): void {
  const say = () => {
    clearTimeout(timer)
    socket.end(generate({ cmd: 'connack', returnCode: NOT_AUTHORIZED, sessionPresent: false }))
    setTimeout(() => { socket.destroy() }, SPEAK_WITHIN_MS).unref()
  }
  const timer = setTimeout(say, SPEAK_WITHIN_MS)
  socket.once('data', say)
  socket.on('close', () => { clearTimeout(timer) })
}

/**
 * A connection to the platform's broker.
 * @throws Error for an address that is none of MQTT over TCP
 */
function openBroker({ url }: MqttConnection): Socket {
  const { protocol, hostname, port } = new URL(url)
  const host = hostname.replace(/^\[|\]$/g, '')
  if (protocol === 'mqtt:') return net.connect({ host, port: Number(port || 1883), noDelay: true })
  if (protocol === 'mqtts:') return tls.connect({ host, port: Number(port || 8883), ...(net.isIP(host) === 0 && { servername: host }) })
  throw new Error(`the door passes gateways on to mqtt:// and mqtts://, not ${protocol}//: give MQTT_URL one of those`)
}

function orError(work: () => never): unknown {
  try {
    return work()
  } catch (error) {
    return error
  }
}
