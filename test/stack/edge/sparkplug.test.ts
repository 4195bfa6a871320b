import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connectAsync } from 'mqtt'
import { sparkplug } from '../../../edge/connectors/sparkplug/index.ts'
import { decodePayload } from '../../../edge/connectors/sparkplug/payload.ts'
import { BAD, GOOD, qualityReasons } from '../../../registry/domain/contract/quality.ts'
import { hasMosquitto, startBroker } from '../../helpers/broker.ts'
import { createCollectingOutlet } from '../../helpers/collecting-outlet.ts'
import { connectorContext } from '../../helpers/connector-context.ts'
import { sparkplugPayload, type SentMetric } from '../../helpers/sparkplug.ts'

test('births, data by alias, a gap, rebirth, history, deaths and STATE, as an edge node sees them', { skip: hasMosquitto() ? false : 'mosquitto is not here' }, async () => {
  const broker = await startBroker('mosquitto')
  const { url, username = '', password = '' } = broker.connection
  const edge = await connectAsync(url, { username, password })
  const heard: { topic: string; payload: Buffer }[] = []
  const outlet = createCollectingOutlet()
  const abort = new AbortController()
  try {
    edge.on('message', (topic, payload) => { heard.push({ topic, payload }) })
    await edge.subscribeAsync(['spBv1.0/STATE/#', 'spBv1.0/g/NCMD/n'], { qos: 1 })
    const until = async (holds: () => boolean) => {
      for (let i = 0; !holds(); i++) {
        assert.ok(i < 600, 'waited in vain')
        await new Promise((resolve) => { setTimeout(resolve, 25) })
      }
    }
    const states = () => heard.filter(({ topic }) => topic === 'spBv1.0/STATE/host-1').map(({ payload }) => (JSON.parse(payload.toString()) as { online: boolean }).online)
    const source = sparkplug.create(
      sparkplug.config.parse({ url, username, password: { env: 'X' }, primaryHost: 'host-1', reorderTimeout: '200ms', rebirth: { every: '500ms', atStart: false } }),
      connectorContext(['g/n#Node/Temp', 'g/n/d#Oil/Temp', 'g/n/d#name'], { secret: () => password }))
    const ended = source.run(outlet, abort.signal)
    await until(() => states().includes(true))

    let ms = Date.now()
    const send = (type: string, seq: number | null, metrics: SentMetric[], device = '') =>
      edge.publishAsync(`spBv1.0/g/${type}/n${device}`, Buffer.from(sparkplugPayload({ ms: ++ms, metrics, ...(seq !== null && { seq }) })), { qos: 0 })
    const birth = async (temp: number, oil: number) => {
      await send('NBIRTH', 0, [{ name: 'bdSeq', type: 4, long: 1n }, { name: 'Node/Temp', alias: 1, type: 10, double: temp }])
      await send('DBIRTH', 1, [{ name: 'Oil/Temp', alias: 2, type: 3, int: oil }, { name: 'name', alias: 3, type: 12, text: 'x' }], '/d')
    }
    const last = (address: string) => outlet.readings(address).at(-1)
    await birth(20, 60)
    await send('DDATA', 2, [{ alias: 2, int: 0xfffffffb }, { alias: 2, int: 61, ms: 1_000, historical: true }], '/d')
    await outlet.until(() => outlet.readings('g/n/d#Oil/Temp').length === 3)
    assert.deepEqual(outlet.readings('g/n/d#Oil/Temp').map(({ raw }) => raw), [60, -5, 61])
    assert.deepEqual(outlet.deliveries.flatMap(({ mode }) => mode ?? []), ['backfill'])
    assert.equal(outlet.readings('g/n/d#Oil/Temp')[2]?.sourceUs, 1_000_000)
    assert.match(source.health?.().detail ?? '', /g\/n\/d#name is not read: its type is String/)

    await send('NDATA', 4, [{ alias: 1, double: 99 }])
    await until(() => heard.some(({ topic }) => topic === 'spBv1.0/g/NCMD/n'))
    const command = decodePayload(heard.find(({ topic }) => topic === 'spBv1.0/g/NCMD/n')?.payload ?? Buffer.alloc(0)).metrics[0]
    assert.deepEqual([command?.name, command?.value], ['Node Control/Rebirth', { field: 'boolean', value: true }])
    assert.equal(last('g/n#Node/Temp')?.quality, BAD | qualityReasons.communication)

    ms = Date.now()
    await birth(21, 62)
    await outlet.until(() => last('g/n#Node/Temp')?.raw === 21 && last('g/n/d#Oil/Temp')?.raw === 62)
    assert.equal(last('g/n#Node/Temp')?.quality, GOOD)
    assert.ok(outlet.readings().every(({ raw }) => raw !== 99))
    assert.equal(outlet.losses.length, 1)

    await send('DDEATH', 2, [], '/d')
    await outlet.until(() => last('g/n/d#Oil/Temp')?.quality === (BAD | qualityReasons.communication))
    assert.equal(last('g/n#Node/Temp')?.quality, GOOD)
    await send('NDEATH', null, [{ name: 'bdSeq', type: 4, long: 1n }])
    await outlet.until(() => last('g/n#Node/Temp')?.quality === (BAD | qualityReasons.communication))

    // The late will of a connection before this one.
    await edge.publishAsync('spBv1.0/STATE/host-1', JSON.stringify({ online: false, timestamp: 1 }), { qos: 1, retain: true })
    await until(() => states().at(-1) === true && states().includes(false))
    abort.abort()
    await ended
    await until(() => states().at(-1) === false)
  } finally {
    abort.abort()
    await edge.endAsync(true)
    await broker.stop()
  }
})
