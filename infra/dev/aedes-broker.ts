import { timingSafeEqual } from 'node:crypto'
import { createServer } from 'node:net'
import { Aedes } from 'aedes'

/**
 * The broker for machines without mosquitto: MQTT 3.1.1 on loopback, one user. What it holds is in memory; nothing is
 * lost with it, because the uplink waits for the platform's own acknowledgement.
 */
const port = Number(process.env['MQTT_BROKER_PORT'])
const username = process.env['MQTT_BROKER_USERNAME'] ?? ''
const password = Buffer.from(process.env['MQTT_BROKER_PASSWORD'] ?? '')
const maxMessageBytes = Number(process.env['MQTT_BROKER_MAX_MESSAGE_BYTES'])

const maxQueued = Number(process.env['MQTT_BROKER_MAX_QUEUED'])

const badCredentials = 4

const broker = await Aedes.createBroker({
  concurrency: 200,
  queueLimit: maxQueued,
  maxInflightInbound: 0,
  authenticate(_client, name, given, done) {
    if (name === username && given !== undefined && given.length === password.length && timingSafeEqual(given, password)) {
      done(null, true)
      return
    }
    done(Object.assign(new Error('bad user name or password'), { returnCode: badCredentials }), null)
  },
  authorizePublish(client, packet, done) {
    if (packet.topic.startsWith('$SYS/')) done(new Error('$SYS/ is the broker\'s own'))
    else if (packet.payload.length > maxMessageBytes) done(new Error(`${client?.id ?? 'a client'} sent more than ${maxMessageBytes} bytes`))
    else done(null)
  },
})
broker.on('clientError', (client, error) => { process.stderr.write(`${client.id}: ${error.message}\n`) })
broker.on('connectionError', (_client, error) => { process.stderr.write(`connection: ${error.message}\n`) })

const server = createServer({ noDelay: true }, broker.handle)
server.listen(port, '127.0.0.1', () => { process.send?.({ type: 'ready', address: `127.0.0.1:${port}` }) })
server.on('error', (error) => {
  process.stderr.write(`${error.message}\n`)
  process.exit(1)
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => { broker.close(() => { server.close(() => { process.exit(0) }) }) })
}
