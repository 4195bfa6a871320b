import { refuse } from '../../../registry/domain/errors.ts'
import type { ConnectorKind } from '../kind.ts'
import { parseJsonAddress } from './address.ts'
import { mqttJsonConfigSchema, PLAIN, type MqttJsonConfig } from './config.ts'
import { createMqttJsonSource } from './source.ts'
import { covers } from './topic.ts'

/** JSON, or bare numbers, over MQTT: topics and payloads as the site file describes them. */
export const mqttJson: ConnectorKind<MqttJsonConfig> = {
  type: 'mqtt-json',
  config: mqttJsonConfigSchema,
  checkAddress(address, kind, { messages }) {
    const { topic, path } = parseJsonAddress(address)
    if (kind === 'scalar') return
    const shape = messages.find((message) => covers(message.topic, topic)) ?? PLAIN
    if (shape.sampleRateHz === undefined && shape.interval === undefined) {
      refuse('invalid', `waveform "${address}" has no sample rate; add to the source: messages: [{ topic: "${topic}", sampleRateHz: 12800 }], or the path where the message has it`)
    }
    if (path.steps.some(({ kind: step }) => step === 'each')) refuse('invalid', `waveform "${address}" goes on to single elements; name the list itself, without [*]`)
  },
  create: createMqttJsonSource,
}
