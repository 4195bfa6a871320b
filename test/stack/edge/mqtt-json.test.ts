import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { connectAsync, type MqttClient } from 'mqtt'
import { mqttJson } from '../../../edge/connectors/mqtt-json/index.ts'
import type { Delivery } from '../../../edge/source.ts'
import { GOOD, qualityReasons, UNCERTAIN } from '../../../registry/domain/contract/quality.ts'
import { hasMosquitto, startBroker, type TestBroker } from '../../helpers/broker.ts'
import { createCollectingOutlet, type CollectingOutlet } from '../../helpers/collecting-outlet.ts'
import { connectorContext } from '../../helpers/connector-context.ts'
import { startEdgePlant } from '../../helpers/edge-plant.ts'

const skip = hasMosquitto() ? false : 'mosquitto is not here'
const kinds = hasMosquitto() ? (['mosquitto', 'aedes'] as const) : (['aedes'] as const)
type Brokered = { broker: TestBroker; device: MqttClient }

async function withBroker(kind: 'mosquitto' | 'aedes', use: (brokered: Brokered) => Promise<void>): Promise<void> {
  const broker = await startBroker(kind)
  const { url, username = '', password = '' } = broker.connection
  const device = await connectAsync(url, { username, password, reconnectPeriod: 50 })
  device.on('error', () => {})
  try {
    await use({ broker, device })
  } finally {
    await device.endAsync(true)
    await broker.stop()
  }
}

function sourceOf({ broker }: Brokered, tags: Parameters<typeof connectorContext>[0], more: object = {}) {
  const { url, username = '', password = '' } = broker.connection
  return mqttJson.create(mqttJson.config.parse({ url, username, password: { env: 'X' }, ...more }), connectorContext(tags, { secret: () => password }))
}

/** Runs a source until its body has ended; what it says at the end is awaited. */
async function running(source: ReturnType<typeof sourceOf>, outlet: CollectingOutlet, body: (ended: Promise<unknown>) => Promise<void>, abort = new AbortController()): Promise<void> {
  const connections = source.health?.().counters['connections'] ?? 0
  const ended = source.run(outlet, abort.signal)
  ended.catch(() => {})
  while (source.health?.().counters['connections'] === connections) await Promise.race([ended, sleep(20)])
  await sleep(50)
  try {
    await body(ended)
  } finally {
    abort.abort()
    await ended.catch(() => {})
  }
}

const values = (outlet: CollectingOutlet, address: string) => outlet.readings(address).map(({ raw }) => raw)

for (const kind of kinds) {
  suite(`over ${kind}`, () => {
    test('topics, objects, lists, waveforms and bare numbers', async () => {
      await withBroker(kind, async (brokered) => {
        const { device } = brokered
        const outlet = createCollectingOutlet()
        const source = sourceOf(brokered, ['p/1/data#temp', 'p/2/data#temp', 'p/+/bare', 'p/1/list#[name=flow].v', { address: 'p/1/vib#s', kind: 'waveform' }], {
          messages: [{ topic: 'p/+/data', time: { at: 'ts', is: 'ms' }, quality: 'q' }, { topic: 'p/+/list', time: 'at' }, { topic: 'p/+/vib', time: 't0', sampleRateHz: 'fs' }],
        })
        await running(source, outlet, async () => {
          const send = (topic: string, message: unknown) => device.publishAsync(topic, typeof message === 'string' ? message : JSON.stringify(message), { qos: 1 })
          await send('p/1/data', { ts: 1_772_366_400_000, temp: 20.5 })
          await send('p/2/data', { ts: 1_772_366_400_001, temp: 21.5, q: 'stale' })
          await send('p/9/bare', '7')
          await send('p/1/list', [{ name: 'flow', v: 3, at: '2026-03-01T12:00:00Z' }, { name: 'level', v: 4, at: '2026-03-01T12:00:00Z' }])
          await send('p/1/vib', { t0: '2026-03-01T12:00:00Z', fs: 1_000, s: [1, 2, 3] })
          await send('p/1/data', '{"temp": NaN}')
          await outlet.until(() => outlet.readings().length >= 4 && outlet.waveforms().length === 1)
          while (source.health?.().counters['malformed'] === 0) await sleep(20)
          assert.deepEqual(['p/1/data#temp', 'p/2/data#temp', 'p/1/list#[name=flow].v'].map((address) => outlet.readings(address).map(({ sourceUs, raw, quality }) => [sourceUs, raw, quality])), [
            [[1_772_366_400_000_000, 20.5, GOOD]], [[1_772_366_400_001_000, 21.5, UNCERTAIN | qualityReasons.device]], [[1_772_366_400_000_000, 3, GOOD]],
          ])
          assert.deepEqual(values(outlet, 'p/+/bare'), [7])
          const { state, detail } = source.health?.() ?? assert.fail()
          assert.equal(state, 'degraded')
          assert.match(detail ?? '', /p\/1\/data: no JSON.*\{"temp": NaN\}/)
          await send('p/1/data', { ts: 1_772_366_401_000, temp: 22 })
          await outlet.until(() => values(outlet, 'p/1/data#temp').length === 2)
          assert.equal(source.health?.().state, 'ok')
        })
      })
    })

    test('acknowledged only when it is on disk: what was not, comes again; what was, is taken once', async () => {
      await withBroker(kind, async (brokered) => {
        const { device } = brokered
        const disk = new Map<string, unknown>()
        const source = () => sourceOf(brokered, ['t'])
        // The disk takes the first three, then nothing more: their PUBACKs go out, the others' do not.
        const stuck = createCollectingOutlet(disk)
        const deliver = stuck.deliver.bind(stuck)
        let taken = 0
        const stop = new AbortController()
        const refused = new Promise<boolean>((resolve) => { stop.signal.addEventListener('abort', () => { resolve(false) }) })
        const blocking = { ...stuck, deliver: (delivery: Delivery) => (delivery.blocks.length > 0 && taken >= 3 ? refused : deliver(delivery).finally(() => { taken += delivery.blocks.length })) }
        await running(source(), blocking, async () => {
          for (let i = 0; i < 6; i++) {
            await device.publishAsync('t', String(i), { qos: 1 })
            if (i < 3) await stuck.until(() => values(stuck, 't').length === i + 1)
          }
          await sleep(200)
        }, stop)
        assert.deepEqual(values(stuck, 't'), [0, 1, 2])

        // The next one dies between disk and PUBACK.
        const dying = createCollectingOutlet(disk)
        const abort = new AbortController()
        const died = source().run({ ...dying, async deliver(delivery) {
          const done = await dying.deliver(delivery)
          if (delivery.blocks.length > 0) abort.abort()
          return done
        } }, abort.signal)
        await dying.until(() => values(dying, 't').length > 0)
        await died
        const before = values(dying, 't')
        assert.equal(before[0], 3)

        const last = createCollectingOutlet(disk)
        const third = source()
        await running(third, last, async () => {
          await device.publishAsync('t', '6', { qos: 1 })
          await last.until(() => values(last, 't').includes(6))
        })
        const came = [...before, ...values(last, 't')]
        // aedes does not mark with DUP what it sends again (MQTT 3.1.1, 3.3.1.1), so nobody can know it from a new one.
        assert.deepEqual(kind === 'aedes' ? [...new Set(came)] : came, [3, 4, 5, 6])
        if (kind === 'mosquitto') assert.equal(third.health?.().counters['redelivered'], before.length)
        assert.deepEqual([third.health?.().counters['resumed'], last.losses.length], [1, 0])
      })
    })
  })
}

test('a broker that starts again and has forgotten us: the absence is told, and it goes on', { skip }, async () => {
  await withBroker('mosquitto', async (brokered) => {
    const { broker, device } = brokered
    const outlet = createCollectingOutlet()
    const source = sourceOf(brokered, ['t'])
    await running(source, outlet, async (ended) => {
      await device.publishAsync('t', '1', { qos: 1 })
      await outlet.until(() => values(outlet, 't').length === 1)
      await broker.crash()
      await assert.rejects(ended, /the MQTT broker .* is lost/)
    })
    await assert.rejects(source.run(outlet, new AbortController().signal), { code: 'unavailable', message: /cannot be reached: .*check the address/ })
    assert.equal(outlet.connections, 1)
    await broker.restart()
    await running(source, outlet, async () => {
      while (!device.connected) await sleep(20)
      await device.publishAsync('t', '2', { qos: 1 })
      await outlet.until(() => values(outlet, 't').length === 2)
      assert.deepEqual(outlet.losses.map(({ cause, rows, addresses }) => [cause, rows, addresses]), [['source_silent', null, ['t']]])
      assert.match(outlet.losses[0]?.detail ?? '', /the broker held nothing/)
    })
  })
})

test('retained: with a time of its own it is what holds now, without one nobody knows since when', { skip }, async () => {
  await withBroker('mosquitto', async (brokered) => {
    const { device } = brokered
    await device.publishAsync('timed', '{"ts":"2026-03-01T12:00:00Z","v":1}', { qos: 1, retain: true })
    await device.publishAsync('bare', '5', { qos: 1, retain: true })
    const outlet = createCollectingOutlet()
    const source = sourceOf(brokered, ['timed#v', 'bare'], { messages: [{ topic: 'timed', time: 'ts' }] })
    for (const round of [1, 2]) {
      await running(source, outlet, async () => {
        await device.publishAsync('bare', String(5 + round), { qos: 1 })
        await outlet.until(() => values(outlet, 'bare').length === round)
      })
    }
    assert.deepEqual([values(outlet, 'timed#v'), values(outlet, 'bare')], [[1], [6, 7]])
    const { counters } = source.health?.() ?? assert.fail()
    assert.deepEqual([counters['retained_ignored'], counters['repeats']], [2, 1])
    assert.ok(outlet.deliveries.every(({ completeThroughUs = Infinity }) => completeThroughUs > 1_772_366_400_000_000), 'what is retained holds back no window')
  })
})

test('a message too large for us is cut and counted, and the next one is read', { skip }, async () => {
  await withBroker('mosquitto', async (brokered) => {
    const outlet = createCollectingOutlet()
    const source = sourceOf(brokered, ['t#v'], { maxPayload: 2_048 })
    await running(source, outlet, async () => {
      await brokered.device.publishAsync('t', `{"v":1,"pad":"${'x'.repeat(8 * 1024 * 1024)}"}`, { qos: 1 })
      await brokered.device.publishAsync('t', '{"v":2}', { qos: 1 })
      await outlet.until(() => values(outlet, 't#v').length === 1)
      assert.deepEqual([values(outlet, 't#v'), source.health?.().counters['malformed']], [[2], 1])
    })
  })
})

test('ten machines alike by a site file; killed at any moment, and nothing that was published is lost or doubled', { skip }, async (t) => {
  const { plant, write, run, arrived, until, desk } = await startEdgePlant(t, 'mosquitto')
  write(`  - id: hall-2
    type: mqtt-json
    url: PLANT_URL
    username: PLANT_USER
    password: { env: PLANT_PASSWORD }
    messages:
      - { topic: hall-2/+/data, time: { at: ts, is: ms } }
    tags:
${Array.from({ length: 10 }, (_, i) => `      - { like: pump, asset: pump-${i} }\n`).join('')}`, `templates:
  pump:
    - { role: motor_temperature, name: motor-temp, address: "hall-2/{asset}/data#motor.temp", unit: Cel }
    - { role: count, address: "hall-2/{asset}/count", unit: "1" }
`)
  let edge = await run()
  const { url, username = '', password = '' } = plant.connection
  const device = await connectAsync(url, { username, password })
  t.after(() => device.endAsync(true))
  await edge.until(({ connectors }) => (connectors[0]?.counters['connections'] ?? 0) > 0)
  await sleep(200)

  const t0 = Date.now()
  let round = 0
  const publish = async () => {
    const n = round++
    await Promise.all(Array.from({ length: 10 }, (_, i) => Promise.all([
      device.publishAsync(`hall-2/pump-${i}/data`, JSON.stringify({ ts: t0 + n, motor: { temp: n } }), { qos: 1 }), device.publishAsync(`hall-2/pump-${i}/count`, String(n), { qos: 1 }),
    ])))
  }
  for (let kill = 0; kill < 4; kill++) {
    let publishing = true
    const busy = (async () => { while (publishing) await publish() })()
    await sleep(100 + 250 * kill)
    await edge.stop('SIGKILL')
    await sleep(100)
    publishing = false
    await busy
    for (let i = 0; i < 5; i++) await publish()
    edge = await run()
  }
  await publish()
  const good = (tag: string) => arrived(tag).filter(({ value }) => Number.isFinite(value)).map(({ value }) => value)
  const all = Array.from({ length: round }, (_, i) => i)
  await until('all that was published', () => Array.from({ length: 10 }, (_, i) => i).every((i) => good(`pump-${i}/count`).length >= round && good(`pump-${i}/motor-temp`).length >= round))
  for (let i = 0; i < 10; i++) {
    assert.deepEqual(good(`pump-${i}/motor-temp`), all)
    assert.deepEqual(good(`pump-${i}/count`), all, 'also where the device gives no time')
  }
  assert.deepEqual([...desk.gaps.values()].filter(({ cause }) => cause === 'source_silent'), [])
  const metrics = await edge.metrics()
  assert.match(metrics, /twinward_gateway_connector_events_total\{source="hall-2",type="mqtt-json",event="malformed"\} 0/)
  assert.deepEqual(await edge.stop(), { code: 0, signal: null })
})
