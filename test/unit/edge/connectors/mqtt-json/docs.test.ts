import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { newCounters } from '../../../../../edge/connectors/mqtt-json/counters.ts'
import { mqttJson } from '../../../../../edge/connectors/mqtt-json/index.ts'
import { readMessage } from '../../../../../edge/connectors/mqtt-json/message.ts'
import { createRoutes } from '../../../../../edge/connectors/mqtt-json/routes.ts'
import { parseJsonAddress } from '../../../../../edge/connectors/mqtt-json/address.ts'
import { newCounters as newSparkplugCounters } from '../../../../../edge/connectors/sparkplug/counters.ts'
import { sparkplug } from '../../../../../edge/connectors/sparkplug/index.ts'
import { parseSiteFile } from '../../../../../edge/site/site-file.ts'
import { connectorContext } from '../../../../helpers/connector-context.ts'

const docs = (name: string) => readFileSync(path.join(import.meta.dirname, '../../../../../docs', name), 'utf8')
const json = docs('connect-mqtt.md')
const spb = docs('connect-sparkplug.md')

test('each message in the docs gives good readings at its own times by what stands below it', () => {
  const pairs = [...json.matchAll(/^```json\n([^]*?)```\n```yaml\n([^]*?)```/gm)]
  assert.equal(pairs.length, 5)
  for (const [, message = '', below = ''] of pairs) {
    const { messages, tags } = parse(below) as { messages: unknown[]; tags: { address: string; kind?: 'waveform' }[] }
    const config = mqttJson.config.parse({ url: 'mqtt://h', messages })
    for (const { address, kind } of tags) mqttJson.checkAddress(address, kind ?? 'scalar', config)
    const plan = createRoutes(connectorContext(tags).tags, config).of(parseJsonAddress(tags[0]?.address ?? '').topic)
    assert.ok(plan, message)
    const { readings, waveforms, absent, refused, problem } = readMessage(plan, { payload: Buffer.from(message), arrivedUs: 1, held: false })
    assert.deepEqual([absent, [...refused], problem], [[], [], null])
    assert.ok([...readings, ...waveforms].length >= tags.length)
    assert.ok([...readings, ...waveforms].every(({ timed, quality }) => timed && quality === 0), message)
    assert.ok(readings.every(({ sourceUs }) => sourceUs >= 1_772_366_400_000_000 && sourceUs < 1_772_366_402_000_000))
  }
})

test('the pumps alike are a site file\'s, with as many tags as they should have', async () => {
  const [, text = ''] = /^```yaml\n(templates:[^]*?)```/m.exec(json) ?? []
  const { tags } = await parseSiteFile(`version: 1\nsite: s\ngateway: g\nplatform: { mqtt: "mqtt://h" }\n${text}`, 'site.yaml')
  assert.deepEqual(tags.map(({ address }) => address), [
    'hall-2/pump-1/data#motor.temp', 'hall-2/pump-1/data#flow', 'hall-2/pump-2/data#motor.temp', 'hall-2/pump-2/data#flow', 'hall-2/pump-3/data#motor.temp', 'hall-2/pump-3/flow-meter#l_per_min',
  ])
})

test('every counter and key is in the docs', () => {
  const message = mqttJson.config.parse({ url: 'mqtt://h', messages: [{}] }).messages[0]
  const keys = [...Object.keys(mqttJson.config.parse({ url: 'mqtt://h' })), ...Object.keys(message ?? {}), 'clientId', 'time', 'quality', 'sampleRateHz', 'interval', 'username', 'password', 'tls']
  for (const name of [...Object.keys(newCounters()), ...keys]) assert.ok(json.includes(`\`${name}\``), name)
  const { rebirth, ...rest } = sparkplug.config.parse({ url: 'mqtt://h' })
  for (const name of [...Object.keys(newSparkplugCounters()), ...Object.keys(rest), ...Object.keys(rebirth).map((key) => `rebirth.${key}`), 'clientId', 'primaryHost', 'tls']) assert.ok(spb.includes(`\`${name}\``), name)
})
