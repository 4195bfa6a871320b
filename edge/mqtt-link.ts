import type { Duplex } from 'node:stream'
import { connect, MqttClient, type IClientOptions } from 'mqtt'

export interface MqttAddress {
  readonly url: string
  readonly username?: string
  readonly password?: string
  /** Makes the connection itself, for what takes more than an address. */
  readonly dial?: (signal: AbortSignal) => Promise<DialledLink>
}

/** A connection that was made for us, on which nothing has been said yet. */
export interface DialledLink {
  readonly stream: Duplex
  /** The other side has let us in. */
  accepted(): void
  /** It has not: says why, for a person. `code` is CONNACK's. */
  refused(code: number | undefined): Promise<string>
}

/** One connection to the broker, from connect to close; the uplink makes a new one after each loss. */
export interface MqttLink {
  /** Hands the message to the connection; what becomes of it shows in the platform's acknowledgement, not here. */
  publish(topic: string, payload: Uint8Array): void
  /** Resolves, with the reason, when the connection has ended. */
  readonly closed: Promise<string>
  end(): Promise<void>
}

export interface LinkOptions {
  readonly address: MqttAddress
  readonly clientId: string
  /** What is heard, by topic. */
  readonly hear: Readonly<Record<string, (payload: Uint8Array) => void>>
  readonly connectTimeoutMs: number
  readonly keepaliveSeconds: number
  readonly signal: AbortSignal
}

/**
 * Connects and subscribes (QoS 1); rejects with the reason when that fails. MQTT.js's own reconnecting is off: it would
 * send again what it holds in memory, while the truth of what is unacknowledged is the buffer on disk. MQTT 3.1.1, so
 * that every broker will do; a clean session, for the same reason.
 */
export async function openLink(options: LinkOptions): Promise<MqttLink> {
  const { address, clientId, hear, connectTimeoutMs, keepaliveSeconds, signal } = options
  const settings: IClientOptions = {
    clientId, clean: true, protocolVersion: 4, reconnectPeriod: 0, connectTimeout: connectTimeoutMs, keepalive: keepaliveSeconds,
    ...(address.username !== undefined && { username: address.username }),
    ...(address.password !== undefined && { password: address.password }),
  }
  const dialled = await address.dial?.(signal)
  const client = dialled ? new MqttClient(() => dialled.stream, settings) : connect(address.url, settings)
  let reason = 'the broker closed the connection'
  const closed = new Promise<string>((resolve) => { client.once('close', () => { resolve(reason) }) })
  // Errors while connected are followed by `close`; without a listener they would end the process.
  let refusal: { code: number | undefined } | undefined
  client.on('error', (error: Error & { readonly code?: number | string }) => {
    reason = reasonOf(error)
    if (typeof error.code === 'number') refusal = { code: error.code }
  })
  const abort = () => { client.end(true) }
  signal.addEventListener('abort', abort)
  void closed.then(() => { signal.removeEventListener('abort', abort) })
  try {
    if (signal.aborted) throw new Error('stopped')
    await connected(client, closed).catch(async (error: unknown) => {
      if (dialled && refusal) throw new Error(await dialled.refused(refusal.code))
      throw error
    })
    dialled?.accepted()
    client.on('message', (topic, payload) => { hear[topic]?.(payload) })
    const grants = await Promise.race([client.subscribeAsync(Object.keys(hear), { qos: 1 }), closed.then((why) => { throw new Error(why) })])
    const refused = grants.find(({ qos }) => qos > 2)
    if (refused) throw new Error(`the broker refuses the subscription to ${refused.topic}; check the user's rights`)
  } catch (error) {
    client.end(true)
    throw error
  }
  return {
    closed,
    publish(to, payload) {
      // MQTT.js throws once it has ended, which may be before whoever publishes has heard of it.
      if (!client.connected || client.disconnecting) return
      // The callback's error is a lost connection, which `closed` tells.
      client.publish(to, Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength), { qos: 1 }, () => {})
    },
    async end() {
      client.end(true)
      await closed
    },
  }
}

/** CONNACK's return codes 4 and 5 (MQTT 3.1.1, 3.2.2.3): the broker does not know whom it spoke with. */
function reasonOf(error: Error & { readonly code?: number | string }): string {
  return error.code === 4 || error.code === 5
    ? `${error.message}; give the gateway's user at the platform's broker as platform.username and platform.password, or as MQTT_USERNAME and MQTT_PASSWORD`
    : error.message
}

function connected(client: MqttClient, closed: Promise<string>): Promise<void> {
  return new Promise((resolve, reject) => {
    client.once('connect', () => { resolve() })
    void closed.then((why) => { reject(new Error(why)) })
  })
}
