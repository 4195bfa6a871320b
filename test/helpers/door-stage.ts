import assert from 'node:assert/strict'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TestContext } from 'node:test'
import { MqttClient } from 'mqtt'
import { pino } from 'pino'
import { dialDoor } from '../../edge/identity/dial.ts'
import { certificateOf, enrol } from '../../edge/identity/enrol.ts'
import type { Identity } from '../../edge/identity/store.ts'
import type { RunningSite, RunSiteOptions } from '../../edge/site/run-site.ts'
import { createLanding } from '../../infra/landing.ts'
import { decodeBatch } from '../../registry/domain/codec/decode.ts'
import { topics } from '../../registry/domain/contract/batch.ts'
import { startTestDoor, type TestDoor } from './door.ts'
import { rampMachine, startSite } from './site-gateway.ts'
import { freshPrefix, useStack } from './stack.ts'

export interface DoorStage extends TestDoor {
  readonly gateway: string
  /** The box that is the gateway, by the folder of its buffer. */
  readonly directory: string
  enrolBox(name?: string, gateway?: string): Promise<Identity>
  run(name?: string, options?: Partial<RunSiteOptions>): Promise<{ site: RunningSite; machine: ReturnType<typeof rampMachine> }>
  /** A client that says what a test tells it to, by this identity. */
  client(identity: Identity, clientId?: string): Promise<MqttClient>
  landedValues(): Promise<number[]>
  until(what: string, holds: () => unknown): Promise<void>
  /** Stops the machine, waits until all it said is shipped, and holds every value against what it said. */
  assertAllArrived(site: RunningSite, machine: ReturnType<typeof rampMachine>): Promise<void>
}

/** A door, a landing for one gateway, and boxes that may be that gateway. */
export async function startDoorStage(t: TestContext, options: Parameters<typeof startTestDoor>[1] = {}): Promise<DoorStage> {
  const stage = await startTestDoor(t, options)
  const { mqtt } = (await useStack()).connections
  const gateway = freshPrefix()
  const site = stage.plant.site
  const landing = createLanding({ ctx: stage.ctx, mqtt, log: pino({ level: 'silent' }), clientId: freshPrefix(), filters: [topics.batch(site, gateway)], reportFilters: [topics.report(site, gateway)] })
  await landing.start()
  const sites: RunningSite[] = []
  const clients: MqttClient[] = []
  stage.beforeEnd(async () => {
    for (const one of sites) await one.stop()
    for (const one of clients) one.end(true)
    await landing.stop()
  })
  const folderOf = (name: string) => path.dirname(stage.box(name).folder)
  const until: DoorStage['until'] = async (what, holds) => {
    for (let tries = 0; !await holds(); tries++) {
      if (tries >= 1_200) assert.fail(`waited in vain for ${what}\n${stage.log().slice(-3_000)}`)
      await sleep(50)
    }
  }
  /** Every value of the batches that landed, each batch once. */
  async function landedValues(): Promise<number[]> {
    const rows = await stage.plant.rows<{ object_key: string }>('select object_key from raw_batch where gateway_id = $1 order by batch_id', [gateway])
    return rows.flatMap(({ object_key }) => {
      const batch = decodeBatch(stage.plant.objects.objects.get(`raw/${object_key}`) ?? assert.fail(`${object_key} is not there`))
      return batch.kind === 'readings' ? [...batch.columns.value].map(Number) : []
    }).sort((a, b) => a - b)
  }
  return {
    ...stage, gateway, landedValues, directory: folderOf('box'), until,
    enrolBox: async (name = 'box', of = gateway) => enrol(stage.box(name), { token: await stage.token(of), site, gateway: of }),
    async run(name = 'box', more = {}) {
      const machine = rampMachine(['x'], 5)
      const running = await startSite({
        directory: folderOf(name), mqtt: { url: '' }, tags: [{ address: 'x', tag: 'p/a' }], machine,
        plan: { site, gateway, platform: { url: '', username: null, password: null, identity: { passphrase: null } } }, options: more,
      })
      sites.push(running)
      return { site: running, machine }
    },
    async client(identity, clientId = `twinward-${gateway}-${'0'.repeat(16)}`) {
      const stream = await dialDoor({
        address: identity.mqtt, time: { atLeastUs: 0, nowUs: null }, own: { certificate: identity.certificate, key: identity.key },
        authorities: identity.authorities.flatMap((pem) => certificateOf(pem) ?? []),
      })
      const client = new MqttClient(() => stream, { clientId, clean: true, protocolVersion: 4, reconnectPeriod: 0 })
      clients.push(client)
      client.on('error', () => {})
      return client
    },
    async assertAllArrived(running, machine) {
      machine.stop = true
      await until('the machine to rest', () => machine.atRest())
      await until('the buffer to be empty', () => running.status().buffer.rows === 0)
      assert.deepEqual(await landedValues(), Array.from({ length: machine.rounds }, (_, at) => at))
    },
  }
}

/** How a client is answered: CONNACK's code, or the end of the connection. */
export const answerOf = (client: MqttClient): Promise<string> => new Promise((resolve) => {
  client.once('connect', () => { resolve('let in') })
  client.once('error', (error: Error & { code?: number | string }) => { resolve(`refused ${error.code ?? error.message}`) })
  client.once('close', () => { resolve('closed') })
})
export const closed = (client: MqttClient): Promise<void> => new Promise((resolve) => { client.once('close', () => { resolve() }) })
