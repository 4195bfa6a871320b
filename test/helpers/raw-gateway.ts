import { createHash } from 'node:crypto'
import { connectAsync } from 'mqtt'
import type { MqttConnection } from '../../infra/config.ts'
import { topics, type Acknowledgement } from '../../registry/domain/contract/batch.ts'
import { waitFor } from '../../infra/demo/wait.ts'
import { freshPrefix } from './stack.ts'

/** A gateway without manners: publishes whatever bytes it is given, and hears the platform's own answers. */
export interface RawGateway {
  /** Sends bytes and gives what the platform answers about them, known by their digest. */
  send(bytes: Uint8Array): Promise<Acknowledgement>
  /** Sends and does not wait. */
  publish(bytes: Uint8Array): Promise<void>
  /** All that the platform has answered on this connection. */
  answers(): readonly Acknowledgement[]
  close(): Promise<void>
}

export async function connectRawGateway(mqtt: MqttConnection, site: string, gateway: string): Promise<RawGateway> {
  const client = await connectAsync(mqtt.url, {
    clientId: freshPrefix(), protocolVersion: 4,
    ...(mqtt.username !== undefined && { username: mqtt.username }), ...(mqtt.password !== undefined && { password: mqtt.password }),
  })
  const answers: Acknowledgement[] = []
  client.on('message', (_topic, payload) => { answers.push(JSON.parse(payload.toString()) as Acknowledgement) })
  await client.subscribeAsync(topics.acknowledgement(site, gateway), { qos: 1 })
  const publish = async (bytes: Uint8Array) => { await client.publishAsync(topics.batch(site, gateway), Buffer.from(bytes), { qos: 1 }) }
  return {
    publish,
    answers: () => answers,
    async send(bytes) {
      const digest = createHash('sha256').update(bytes).digest('hex')
      const heard = answers.length
      await publish(bytes)
      return waitFor(`an answer about batch ${digest.slice(0, 12)}`, async () => answers.slice(heard).find((one) => one.digest === digest), 30_000, 25)
    },
    close: async () => { await client.endAsync(true) },
  }
}
