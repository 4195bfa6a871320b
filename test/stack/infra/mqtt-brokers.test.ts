import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { connect as connectClient, connectAsync, type MqttClient } from 'mqtt'
import { aedesBroker } from '../../../infra/dev/aedes.ts'
import { findMosquitto, mosquittoBroker } from '../../../infra/dev/mosquitto.ts'
import { freePort } from '../../../infra/dev/ports.ts'
import { loadSecrets } from '../../../infra/dev/secrets.ts'
import { createSupervisor } from '../../../infra/supervisor.ts'

const mosquitto = findMosquitto()

// Both must do for the platform what it counts on, so both pass the same tests.
for (const name of ['aedes', 'mosquitto'] as const) {
  describe(`the embedded broker ${name}`, { skip: name === 'mosquitto' && !mosquitto ? 'mosquitto is not installed' : false }, () => {
    const supervisor = createSupervisor({ log: () => {} })
    let dir = ''
    let url = ''
    let credentials = { username: '', password: '' }
    const clients: MqttClient[] = []
    const connect = async (options: Parameters<typeof connectAsync>[1] = {}) => {
      const client = await connectAsync(url, { ...credentials, reconnectPeriod: 0, ...options }, false)
      clients.push(client)
      return client
    }

    before(async () => {
      dir = await mkdtemp(path.join(tmpdir(), 'twinward-mqtt-'))
      const secrets = loadSecrets(dir)
      const places = { dataDir: dir, logFile: path.join(dir, 'mqtt.log'), pidFile: path.join(dir, 'mqtt.pid') }
      const port = await freePort()
      const server = name === 'mosquitto' && mosquitto ? mosquittoBroker(mosquitto, port, secrets, places) : aedesBroker(port, secrets, places)
      url = server.connection.url
      credentials = { username: secrets.mqttUser, password: secrets.mqttPassword }
      await supervisor.start(server.spec)
    })
    after(async () => {
      for (const client of clients) await client.endAsync(true)
      await supervisor.stopAll()
      await rm(dir, { recursive: true, force: true })
    })

    it('lets nobody in without the password', async () => {
      for (const wrong of [{ password: 'guess' }, { username: 'root' }, { username: '', password: '' }]) {
        await assert.rejects(connect(wrong), /not authorized|bad user ?name or password/i)
      }
    })

    it('hands on a message of many MB, at QoS 1', async () => {
      const receiver = await connect()
      await receiver.subscribeAsync('big/#', { qos: 1 })
      const arrived = new Promise<Buffer>((resolve) => { receiver.once('message', (_topic, payload) => { resolve(payload) }) })
      const payload = Buffer.alloc(20 * 1024 * 1024, 'twinward')
      const sender = await connect()
      await sender.publishAsync('big/one', payload, { qos: 1 })
      assert.ok((await arrived).equals(payload))
    })

    it('keeps what a receiver missed while it was away', async () => {
      const session = { clientId: 'away', clean: false }
      const receiver = await connect(session)
      await receiver.subscribeAsync('missed', { qos: 1 })
      await receiver.endAsync()
      const sender = await connect()
      for (let i = 0; i < 200; i += 1) await sender.publishAsync('missed', String(i), { qos: 1 })
      const seen: string[] = []
      const back = connectClient(url, { ...credentials, ...session, reconnectPeriod: 0 })
      clients.push(back)
      // Listening before it connects: what it missed comes at once.
      await new Promise<void>((resolve, reject) => {
        back.on('error', reject)
        back.on('message', (_topic, payload) => { if (seen.push(payload.toString()) === 200) resolve() })
      })
      assert.deepEqual(seen, Array.from({ length: 200 }, (_, i) => String(i)))
    })
  })
}
