import { setTimeout as sleep } from 'node:timers/promises'
import { createSecureContext } from 'node:tls'
import { MqttClient } from 'mqtt'
import { refuse } from '../../../registry/domain/errors.ts'
import { untilAborted } from '../../bell.ts'
import type { ConnectorContext, SecretReader } from '../kind.ts'
import { openBrokerStream } from './broker-stream.ts'
import type { BrokerConfig } from './config.ts'

export interface Arrival {
  readonly topic: string
  readonly payload: Uint8Array
  /** Kept by the broker from before the subscription. */
  readonly retained: boolean
  /** Its number on this session; undefined for QoS 0. */
  readonly packetId: number | undefined
  /** The broker has sent it before (DUP). */
  readonly duplicate: boolean
  /** It may have waited at the broker while we were away. */
  readonly held: boolean
}

export interface SessionOptions {
  readonly broker: BrokerConfig
  readonly clientId: string
  readonly clean: boolean
  readonly will?: { readonly topic: string; readonly payload: string }
  /**
   * Gets what arrived, in order, as one batch while the batch before was being handled. When it resolves, the messages
   * of QoS 1 are acknowledged (PUBACK), never before; when it rejects, the session ends with that error.
   */
  readonly hear: (arrivals: readonly Arrival[]) => Promise<void>
  /** Called before the first message is heard. */
  readonly opened?: (resumed: boolean) => void
  readonly signal: AbortSignal
}

/** One connection to a broker, from connect to close; a source makes a new one in each run. */
export interface Session {
  /** The broker kept a session for us: what came meanwhile follows. */
  readonly resumed: boolean
  subscribe(filters: readonly string[], qos: 0 | 1): Promise<void>
  unsubscribe(filters: readonly string[]): Promise<void>
  publish(topic: string, payload: string | Uint8Array, options: { readonly qos: 0 | 1; readonly retain: boolean }): Promise<void>
  /** Rejects (`unavailable`) when the connection is lost; resolves when the signal ends it. */
  readonly over: Promise<void>
  /** Ends in good order: the broker sends no will. Resolves when nothing is being heard any more either. */
  end(): Promise<void>
}

/** What waits to be handled; beyond it the connection is no longer read, and TCP holds the broker back. */
const HELD_BYTES = 16 * 1024 * 1024
const HELD_MESSAGES = 5_000
const BATCH = 1_000
const FILTERS_AT_ONCE = 100
const CONNECT_MS = 10_000
/** Of what waited at the broker, one follows the other; the first pause ends it, or half a minute of reading. */
const LULL_MS = 200
const MOST_HELD_MS = 30_000

/**
 * Connects as MQTT 3.1.1, so that every broker will do, and without MQTT.js's own reconnecting: the gateway runs a lost
 * source again. MQTT.js by itself sends the PUBACK and reads on in one step; so its `handleMessage` is told to read on
 * without PUBACK (an error does that), and the PUBACK follows from here. Refuses (`unavailable`) what it cannot reach.
 */
export async function openSession({ broker, clientId, clean, will, hear, opened, signal }: SessionOptions, { secret }: Pick<ConnectorContext, 'secret'>): Promise<Session> {
  const pem = tlsOptions(broker, secret)
  const client = new MqttClient(() => openBrokerStream({ url: broker.url, maxPayload: broker.maxPayload, ...pem }), {
    clientId, clean, protocolVersion: 4, reconnectPeriod: 0, connectTimeout: CONNECT_MS, keepalive: broker.keepalive, resubscribe: false,
    ...(will && { will: { topic: will.topic, payload: Buffer.from(will.payload), qos: 1 as const, retain: true } }),
    ...(broker.username !== undefined && { username: broker.username }),
    ...(broker.password !== undefined && { password: secret(broker.password) }),
  })
  let waiting: Arrival[] = []
  let heldBytes = 0
  let heldMessages = 0
  let busy = false
  let work: Promise<void> = Promise.resolve()
  let closed = false
  let failure: Error | null = null
  let reason = 'the broker closed the connection (another client with the same clientId does that too)'
  let readOn: (() => void) | null = null
  /** Since when the broker could have sent something; null: nothing is held there any more. */
  let idleSinceMs: number | null = null
  let heldForMs = 0

  const full = () => heldBytes >= HELD_BYTES || heldMessages >= HELD_MESSAGES
  async function handleWaiting(): Promise<void> {
    busy = true
    try {
      while (waiting.length > 0 && !closed) {
        const batch = waiting.slice(0, BATCH)
        waiting = waiting.slice(BATCH)
        await hear(batch)
        for (const { packetId } of batch) if (packetId !== undefined && client.connected && !signal.aborted) sendPuback(client, packetId)
        heldMessages -= batch.length
        heldBytes -= batch.reduce((sum, { payload }) => sum + payload.byteLength, 0)
        if (readOn && !full()) {
          const go = readOn
          readOn = null
          go()
        }
      }
    } catch (error) {
      failure = error instanceof Error ? error : new Error(String(error))
      client.end(true)
    } finally {
      busy = false
    }
  }

  function isHeld(): boolean {
    if (idleSinceMs === null) return false
    const pauseMs = performance.now() - idleSinceMs
    heldForMs += pauseMs
    if (pauseMs > LULL_MS || heldForMs > MOST_HELD_MS) idleSinceMs = null
    return idleSinceMs !== null
  }

  client.handleMessage = (packet, callback) => {
    const held = isHeld()
    const read = () => {
      if (idleSinceMs !== null) idleSinceMs = performance.now()
      callback(packet.qos === 1 ? new Error('read on; the PUBACK follows when the message is safe') : undefined)
    }
    // A copy: MQTT.js cuts it out of what the socket read, which would stay in memory with it.
    const payload = new Uint8Array(typeof packet.payload === 'string' ? Buffer.from(packet.payload) : packet.payload)
    waiting.push({ topic: packet.topic, payload, retained: packet.retain, packetId: packet.qos === 1 ? packet.messageId : undefined, duplicate: packet.dup, held })
    heldBytes += payload.byteLength
    heldMessages++
    if (full()) readOn = read
    else read()
    if (!busy) work = handleWaiting()
  }
  const ended = new Promise<void>((resolve) => {
    client.once('close', () => {
      closed = true
      waiting = []
      resolve()
    })
  })
  // Errors while connected are followed by `close`; without a listener they would end the process.
  client.on('error', (error) => { reason = error.message })
  const lost = (): never => {
    if (failure !== null) throw failure
    return refuse('unavailable', `the MQTT broker ${broker.url} is lost: ${reason}; check that it runs, the network, and the user's name and rights`)
  }

  try {
    const connected = new Promise<boolean>((resolve, reject) => {
      client.once('connect', ({ sessionPresent }) => {
        if (sessionPresent) idleSinceMs = performance.now()
        opened?.(sessionPresent)
        resolve(sessionPresent)
      })
      void ended.then(() => { reject(new Error(reason)) })
    })
    const resumed = await untilAborted(signal, connected) ?? stopped()
    const orLost = <T>(promise: Promise<T>) => Promise.race([promise, ended.then(lost)])
    return {
      resumed,
      async subscribe(filters, qos) {
        for (let at = 0; at < filters.length; at += FILTERS_AT_ONCE) {
          const grants = await orLost(client.subscribeAsync(filters.slice(at, at + FILTERS_AT_ONCE), { qos }))
          const refused = grants.find((grant) => grant.qos > 2)
          if (refused) refuse('unavailable', `the MQTT broker ${broker.url} refuses the subscription to ${refused.topic}; check the user's rights`)
        }
      },
      async unsubscribe(filters) {
        if (filters.length > 0) await orLost(client.unsubscribeAsync([...filters]))
      },
      async publish(topic, payload, options) {
        await orLost(client.publishAsync(topic, typeof payload === 'string' ? payload : Buffer.from(payload), options))
      },
      over: untilAborted(signal, ended.then(() => { if (!signal.aborted) lost() })),
      async end() {
        if (!closed) {
          await Promise.race([client.endAsync(), sleep(500, undefined, { ref: false })])
          client.end(true)
          await Promise.race([ended, sleep(500, undefined, { ref: false })])
        }
        await work
      },
    }
  } catch (error) {
    client.end(true)
    if (signal.aborted) throw error
    return refuse('unavailable', `the MQTT broker ${broker.url} cannot be reached: ${error instanceof Error ? error.message : String(error)}; check the address, the network, and the user's name and password`)
  }
}

function sendPuback(client: MqttClient, messageId: number): void {
  // Not public in MQTT.js, whose version is pinned; test/stack/edge/mqtt-json.test.ts notices if it changes.
  const sender = client as unknown as { _sendPacket(packet: { cmd: 'puback'; messageId: number }): void }
  sender._sendPacket({ cmd: 'puback', messageId })
}

function stopped(): never {
  throw new Error('stopped')
}

function tlsOptions({ tls, url }: BrokerConfig, secret: SecretReader): { ca?: string; cert?: string; key?: string } {
  if (tls === undefined) return {}
  if (!url.startsWith('mqtts:')) refuse('invalid', `tls is given, but ${url} speaks without; write mqtts://`)
  const { ca, certificate, key } = tls
  const pem = { ...(ca && { ca: secret(ca, 'all') }), ...(certificate && { cert: secret(certificate, 'all') }), ...(key && { key: secret(key, 'all') }) }
  try {
    createSecureContext(pem)
  } catch (error) {
    refuse('invalid', `what tls names for ${url} cannot be used (${error instanceof Error ? error.message : String(error)}); all three are PEM, and the key is the certificate's`)
  }
  return pem
}
