import mqtt from 'mqtt'
import { topics } from '../../registry/domain/contract/batch.ts'
import type { MqttConnection } from '../config.ts'
import { benchSite, type Publication } from './workload.ts'

export interface Publisher {
  /** Hands every batch to the broker, a few unconfirmed at a time; resolves when the broker has them all. */
  publish(batches: readonly Publication[]): Promise<void>
  end(): Promise<void>
}

/** Publishes encoded batches as a gateway's uplink would, without its buffer. */
export async function createPublisher({ url, username, password }: MqttConnection): Promise<Publisher> {
  const client = await mqtt.connectAsync(url, { protocolVersion: 4, clean: true, ...(username !== undefined && { username }), ...(password !== undefined && { password }) })
  return {
    async publish(batches) {
      for (let i = 0; i < batches.length; i += 8) {
        await Promise.all(batches.slice(i, i + 8).map(({ gateway, bytes }) => client.publishAsync(topics.batch(benchSite, gateway), Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), { qos: 1 })))
      }
    },
    end: () => client.endAsync(),
  }
}
