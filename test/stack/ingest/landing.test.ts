import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, it } from 'node:test'
import { connectAsync, type MqttClient } from 'mqtt'
import { pino } from 'pino'
import { createLanding, type Landing } from '../../../infra/landing.ts'
import type { ObjectStore } from '../../../registry/artifacts/object-store.ts'
import { topics, type Acknowledgement } from '../../../registry/domain/contract/batch.ts'
import { DomainError } from '../../../registry/domain/errors.ts'
import { createIngestPlant, readingsBatch, S, T0, type IngestPlant } from '../../helpers/ingest-plant.ts'
import { freshPrefix, useStack } from '../../helpers/stack.ts'

interface Scene {
  readonly plant: IngestPlant
  readonly gateway: string
  readonly acknowledgements: Acknowledgement[]
  readonly newLanding: (objects?: Partial<ObjectStore>) => Landing
  readonly publish: (sequence: number, bytes?: Uint8Array) => Promise<void>
  readonly until: (what: () => boolean | Promise<boolean>) => Promise<void>
}

/** A plant, its gateway at the real broker, and landings that hear this gateway alone. */
const using = (body: (scene: Scene) => Promise<void>) => async (): Promise<void> => {
  const { mqtt } = (await useStack()).connections
  const plant = await createIngestPlant()
  const gateway = freshPrefix()
  const client: MqttClient = await connectAsync(mqtt.url, { username: mqtt.username ?? '', password: mqtt.password ?? '', clientId: freshPrefix(), protocolVersion: 4 })
  const acknowledgements: Acknowledgement[] = []
  const landings: Landing[] = []
  const clientId = freshPrefix()
  client.on('message', (_topic, payload) => { acknowledgements.push(JSON.parse(payload.toString()) as Acknowledgement) })
  await client.subscribeAsync(topics.acknowledgement(plant.site, gateway), { qos: 1 })
  try {
    await body({
      plant, gateway, acknowledgements,
      newLanding(objects = {}) {
        const landing = createLanding({
          ctx: { ...plant.ctx, objects: { ...plant.objects, ...objects } }, mqtt, log: pino({ level: 'silent' }), clientId, filters: [topics.batch(plant.site, gateway)], reportFilters: [topics.report(plant.site, gateway)],
        })
        landings.push(landing)
        return landing
      },
      async publish(sequence, bytes) {
        const batch = bytes ?? readingsBatch([{ tag: 'p/a', sourceUs: T0 + sequence * S, value: sequence }], { gateway, sequence })
        await client.publishAsync(topics.batch(plant.site, gateway), Buffer.from(batch), { qos: 1 })
      },
      async until(what) {
        for (let tries = 0; !await what(); tries++) {
          assert.ok(tries < 300, `waited in vain: ${String(what)}`)
          await sleep(50)
        }
      },
    })
  } finally {
    for (const landing of landings) await landing.stop()
    await client.endAsync(true)
    await plant.drop()
  }
}

describe('the landing process', () => {
  it('answers each batch once it is safe, twice for one sent twice, and noise too', using(async ({ plant, acknowledgements, newLanding, publish, until }) => {
    await newLanding().start()
    for (const sequence of [1, 2, 2, 3]) await publish(sequence)
    await publish(0, Buffer.from('noise'))
    await until(() => acknowledgements.length === 5)
    const answers = acknowledgements.map(({ sequence, status }) => `${sequence} ${status}`).sort()
    assert.deepEqual(answers, ['0 quarantined', '1 stored', '2 duplicate', '2 stored', '3 stored'])
    assert.equal((await plant.rows('select 1 from raw_batch')).length, 3)
    assert.equal((await plant.rows('select 1 from quarantine')).length, 1)
  }))

  it('lands four at a time and no more', using(async ({ plant, acknowledgements, newLanding, publish, until }) => {
    const held: (() => void)[] = []
    let most = 0
    let now = 0
    await newLanding({
      async put(...args) {
        most = Math.max(most, ++now)
        await new Promise<void>((resolve) => { held.push(resolve) })
        now--
        await plant.objects.put(...args)
      },
    }).start()
    for (let sequence = 1; sequence <= 9; sequence++) await publish(sequence)
    for (let landed = 0; landed < 9; landed++) {
      await until(() => held.length > 0)
      if (landed === 0) await until(() => held.length === 4)
      held.shift()!()
    }
    await until(() => acknowledgements.length === 9)
    assert.equal(most, 4)
  }))

  it('tries again while a store is away, and loses nothing', using(async ({ plant, acknowledgements, newLanding, publish, until }) => {
    let away = 6
    await newLanding({
      async put(...args) {
        if (away-- > 0) throw new DomainError('unavailable', 'away')
        await plant.objects.put(...args)
      },
    }).start()
    for (const sequence of [1, 2, 3]) await publish(sequence)
    await until(() => acknowledgements.length === 3)
    assert.ok(acknowledgements.every(({ status }) => status === 'stored'))
  }))

  it('leaves with the broker what was not safe when it ended, and takes it when it comes back', using(async ({ plant, acknowledgements, newLanding, publish, until }) => {
    let tried = 0
    const first = newLanding({ put: async () => { tried++; throw new DomainError('unavailable', 'away') } })
    await first.start()
    for (let sequence = 1; sequence <= 6; sequence++) await publish(sequence)
    await until(() => tried >= 4)
    await first.stop()
    assert.equal((await plant.rows('select 1 from raw_batch')).length, 0)
    // Sent while nobody is there.
    await publish(7)
    await newLanding().start()
    await until(() => acknowledgements.length >= 7)
    await until(async () => (await plant.rows('select 1 from raw_batch')).length === 7)
  }))
})
