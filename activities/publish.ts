import type { MqttClient } from 'mqtt'
import { topics } from '../registry/domain/contract/batch.ts'
import type { BusEvent } from '../registry/domain/contract/bus-event.ts'

export interface Publisher { publish(event: BusEvent): Promise<void> }

/**
 * Events onto the bus, QoS 1: resolved once the broker has each. While the broker is away it rejects at once, so that
 * the outbox keeps the event and not a client's memory.
 */
export function createPublisher(mqtt: Pick<MqttClient, 'connected' | 'publishAsync'>): Publisher {
  return {
    async publish(event) {
      if (!mqtt.connected) throw new Error('the MQTT broker is away')
      await mqtt.publishAsync(topics.events(event.site, event.type), JSON.stringify(event), { qos: 1 })
    },
  }
}
