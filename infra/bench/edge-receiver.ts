/** In a process of its own, so that its CPU is not the gateway's: acknowledges every batch at once, unread. */
import { connectAsync } from 'mqtt'
import { peekHeader } from '../../registry/domain/codec/decode.ts'
import { topics, type Acknowledgement } from '../../registry/domain/contract/batch.ts'

const [url = '', username = '', password = ''] = [process.env['MQTT_URL'], process.env['MQTT_USERNAME'], process.env['MQTT_PASSWORD']]
const client = await connectAsync(url, { username, password, protocolVersion: 4 })
client.on('message', (_topic, payload) => {
  const { site, gateway, epoch, sequence } = peekHeader(new Uint8Array(payload))
  const answer: Acknowledgement = { gateway, epoch, sequence, status: 'stored', code: null, message: null, receivedUs: Date.now() * 1000 }
  client.publish(topics.acknowledgement(site, gateway), JSON.stringify(answer), { qos: 1 })
})
await client.subscribeAsync(topics.allBatches, { qos: 1 })
process.send?.({ type: 'ready' })
process.once('SIGTERM', () => { client.end(true, () => { process.exit(0) }) })
