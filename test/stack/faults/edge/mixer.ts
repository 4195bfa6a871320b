import { connectAsync } from 'mqtt'
import type { MqttConnection } from '../../../../infra/config.ts'
import { topics } from '../../../../registry/domain/contract/batch.ts'
import { shuffled } from '../../../helpers/random.ts'

export interface Mixer {
  /** Batches that came, and that went on. */
  readonly counts: { came: number; sent: number }
  close(): Promise<void>
}

/**
 * A bad road between two brokers: batches go on doubled and in another order than they came, a few at a time; the
 * platform's answers come back doubled too.
 */
export async function startMixer({ near, far, site, gateway, random }: { near: MqttConnection; far: MqttConnection; site: string; gateway: string; random: (n: number) => number }): Promise<Mixer> {
  const connectTo = ({ url, ...user }: MqttConnection) => connectAsync(url, { ...user, protocolVersion: 4, reconnectPeriod: 50 })
  const [here, there] = await Promise.all([connectTo(near), connectTo(far)])
  const counts = { came: 0, sent: 0 }
  const held: Buffer[] = []
  const batch = topics.batch(site, gateway)
  const flush = () => {
    const some = held.splice(0)
    for (const payload of shuffled(some.flatMap((one) => Array.from({ length: 1 + random(3) }, () => one)), random)) {
      counts.sent++
      there.publish(batch, payload, { qos: 1 })
    }
  }
  const timer = setInterval(flush, 300)
  here.on('message', (topic, payload) => {
    if (topic !== batch) {
      there.publish(topic, payload, { qos: 1 })
      return
    }
    counts.came++
    held.push(payload)
    if (held.length >= 6) flush()
  })
  there.on('message', (topic, payload) => {
    for (let i = 0; i <= random(2); i++) here.publish(topic, payload, { qos: 1 })
  })
  await here.subscribeAsync([batch, topics.report(site, gateway)], { qos: 1 })
  await there.subscribeAsync([topics.acknowledgement(site, gateway), topics.reply(site, gateway)], { qos: 1 })
  return {
    counts,
    async close() {
      clearInterval(timer)
      await Promise.all([here.endAsync(true), there.endAsync(true)])
    },
  }
}
