import { setTimeout as sleep } from 'node:timers/promises'
import { connect, type IClientOptions, type MqttClient } from 'mqtt'
import type { Logger } from 'pino'
import { topics, type Acknowledgement } from '../registry/domain/contract/batch.ts'
import type { GatewayReply } from '../registry/domain/contract/gateway-report.ts'
import type { MqttConnection } from './config.ts'

/** A batch that came in over MQTT, with the channel it came by. */
export interface ArrivedMessage {
  readonly site: string
  readonly gateway: string
  readonly bytes: Uint8Array
  /** PUBACK: the broker may forget it. Call it when the batch is safe, never before. */
  release(): void
}

export interface BatchSubscriber {
  /** Resolves once the broker has granted the subscription. */
  readonly subscribed: Promise<void>
  /** Answers the gateway on its acknowledgement topic. */
  acknowledge(site: string, acknowledgement: Acknowledgement): void
  /** Tells the gateway why a batch was not taken, on the topic of replies; it keeps the batch. */
  refuse(site: string, gateway: string, reply: GatewayReply): void
  /** No new arrivals; what is held is given back to the broker, which sends it again later. */
  pause(): void
  close(): Promise<void>
}

export interface BatchSubscriberOptions {
  readonly mqtt: MqttConnection
  /** Names the persistent session: one landing process at a time may have it. */
  readonly clientId: string
  readonly filters: readonly string[]
  readonly concurrency: number
  readonly log: Logger
  /** Must not reject; the next arrival takes its place when it resolves. */
  readonly onArrival: (message: ArrivedMessage) => Promise<void>
}

const BATCH_TOPIC = /^twinward\/v1\/([^/]+)\/gateways\/([^/]+)\/batches$/

/** Arrivals that wait for a free place; beyond it the connection is no longer read, and TCP holds the broker back. */
const HELD_BYTES = 64 * 1024 * 1024

/**
 * Subscribes to batches with QoS 1 in a persistent session, several in work at once, each with a PUBACK of its own when
 * it is safe. MQTT.js by itself sends the PUBACK and reads on in one step, which would mean one at a time; so its
 * `handleMessage` is told to read on without PUBACK (an error does that), and the PUBACK follows from here.
 */
export function createBatchSubscriber({ mqtt, clientId, filters, concurrency, log, onArrival }: BatchSubscriberOptions): BatchSubscriber {
  const settings: IClientOptions = {
    clientId, clean: false, protocolVersion: 4, reconnectPeriod: 1000, connectTimeout: 10_000, keepalive: 30, resubscribe: false,
    ...(mqtt.username !== undefined && { username: mqtt.username }),
    ...(mqtt.password !== undefined && { password: mqtt.password }),
  }
  const client = connect(mqtt.url, settings)
  let waiting: ArrivedMessage[] = []
  let heldBytes = 0
  let inWork = 0
  let paused = false
  /** Packet ids are valid on the connection they came by only. */
  let connection = 0
  /** Lets MQTT.js read on; set while too much is held. */
  let readOn: (() => void) | null = null

  function pump(): void {
    while (!paused && inWork < concurrency) {
      const message = waiting.shift()
      if (!message) break
      inWork++
      void onArrival(message).finally(() => {
        inWork--
        heldBytes -= message.bytes.length
        pump()
      })
    }
    if (heldBytes < HELD_BYTES && readOn) {
      const go = readOn
      readOn = null
      go()
    }
  }

  client.handleMessage = (packet, callback) => {
    const read = (): void => { callback(new Error('read on; the PUBACK follows when the batch is safe')) }
    const [, site, gateway] = BATCH_TOPIC.exec(packet.topic) ?? []
    if (site === undefined || gateway === undefined || packet.qos !== 1 || paused) {
      // What is not ours to keep is acknowledged at once, except that a paused subscriber leaves it to the broker.
      if (paused) read()
      else callback()
      return
    }
    const arrivedBy = connection
    const bytes = typeof packet.payload === 'string' ? Buffer.from(packet.payload) : packet.payload
    heldBytes += bytes.length
    waiting.push({
      site, gateway, bytes,
      release() {
        if (arrivedBy === connection && client.connected && packet.messageId !== undefined) sendPuback(client, packet.messageId)
      },
    })
    if (heldBytes < HELD_BYTES) read()
    else readOn = read
    pump()
  }

  const subscribed = new Promise<void>((resolve) => {
    client.on('connect', ({ sessionPresent }) => {
      connection++
      log.info({ sessionPresent }, 'connected to the broker')
      client.subscribeAsync([...filters], { qos: 1 }).then(() => { resolve() }, (error: unknown) => {
        log.error({ err: error }, 'the broker refuses the subscription; check the rights of the MQTT user')
      })
    })
  })
  client.on('close', () => {
    // The broker sends again what was not released; keeping it would do the work twice.
    connection++
    heldBytes -= waiting.reduce((sum, { bytes }) => sum + bytes.length, 0)
    waiting = []
    readOn = null
  })
  client.on('error', (error) => { log.warn({ err: error }, 'MQTT connection') })
  client.on('offline', () => { log.warn('no connection to the broker; trying again') })

  return {
    subscribed,
    acknowledge(site, acknowledgement) {
      client.publish(topics.acknowledgement(site, acknowledgement.gateway), JSON.stringify(acknowledgement), { qos: 1 }, (error) => {
        if (error) log.warn({ err: error }, 'an acknowledgement did not go out; the gateway sends its batch again')
      })
    },
    refuse(site, gateway, reply) {
      client.publish(topics.reply(site, gateway), JSON.stringify(reply), { qos: 1 }, (error) => {
        if (error) log.warn({ err: error }, 'a refusal did not go out; it is told at the next batch')
      })
    },
    pause() { paused = true },
    async close() {
      paused = true
      // Acknowledgements on their way get a moment; with the broker away there is nobody to wait for.
      await Promise.race([client.endAsync(), sleep(500, undefined, { ref: false })])
      await client.endAsync(true)
    },
  }
}

function sendPuback(client: MqttClient, messageId: number): void {
  // Not public in MQTT.js, whose version is pinned; test/stack/ingest/landing.test.ts notices if it changes.
  const sender = client as unknown as { _sendPacket(packet: { cmd: 'puback'; messageId: number }): void }
  sender._sendPacket({ cmd: 'puback', messageId })
}
