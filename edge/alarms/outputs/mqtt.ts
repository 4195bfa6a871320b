import { connect, type MqttClient } from 'mqtt'
import type { AlarmOutput } from '../teller.ts'
import { alarmMessage, type Sender } from './message.ts'

export interface MqttOutputOptions {
  readonly url: string
  /** With {site}, {gateway}, {asset}, {rule}, {severity}. */
  readonly topic: string
  /** The broker keeps the newest of each topic for who subscribes later. */
  readonly retain: boolean
  readonly username: string | null
  readonly password: string | null
}

const TIMEOUT_MS = 5_000

/** Publishes each alarm as JSON (QoS 1); taken when the broker has acknowledged it. */
export function createMqttOutput(sender: Sender, { url, topic, retain, username, password }: MqttOutputOptions): AlarmOutput {
  let client: MqttClient | undefined
  let reason = 'no connection to its broker yet'
  function open(): MqttClient {
    if (client) return client
    const fresh = connect(url, {
      protocolVersion: 4, clean: true, reconnectPeriod: 500, connectTimeout: TIMEOUT_MS, keepalive: 15, queueQoSZero: false,
      ...(username !== null && { username }), ...(password !== null && { password }),
    })
    // Without a listener an error would end the process; the connection is tried again.
    fresh.on('error', (error: Error & { code?: string | number }) => { reason = `no connection to its broker (${error.code ?? error.message})` })
    client = fresh
    return fresh
  }
  return {
    async send(alarm, signal) {
      const to = open()
      if (!to.connected) await connected(to, signal)
      if (!to.connected) throw new Error(reason)
      const message = alarmMessage(sender, alarm)
      const place = topic.replaceAll(/\{(site|gateway|asset|rule|severity)\}/g, (_, word: 'site' | 'gateway' | 'asset' | 'rule' | 'severity') => message[word])
      await within(to.publishAsync(place, JSON.stringify(message), { qos: 1, retain }), 'its broker does not acknowledge')
    },
    async close() {
      await client?.endAsync(true)
    },
  }
}

/** Waits a little for a connection that is on its way. */
async function connected(client: MqttClient, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(done, TIMEOUT_MS)
    function done() {
      clearTimeout(timer)
      client.off('connect', done)
      client.off('error', done)
      signal.removeEventListener('abort', done)
      resolve()
    }
    client.on('connect', done)
    client.on('error', done)
    signal.addEventListener('abort', done)
  })
}

async function within<T>(promise: Promise<T>, otherwise: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => { timer = setTimeout(() => { reject(new Error(otherwise)) }, TIMEOUT_MS) })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
