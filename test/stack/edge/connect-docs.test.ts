import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { connectAsync } from 'mqtt'
import { parse } from 'yaml'
import { parseSiteFile } from '../../../edge/site/site-file.ts'
import { runCli } from '../../../infra/cli/run.ts'
import { startEdgePlant, type EdgePlant } from '../../helpers/edge-plant.ts'
import { startSparkplugNode } from '../../helpers/sparkplug-node.ts'

const DOUBLE = 10
const UINT32 = 7

/** The site file's part as the docs have it, at the address, by the user and with the password of the test's broker. */
function documented(name: string): { text: string; sources: string } {
  const text = readFileSync(path.join(import.meta.dirname, '../../../docs', name), 'utf8')
  const [, indent = '', body = ''] = /^( +)```yaml\n([^]*?)^ +```/m.exec(text) ?? []
  assert.ok(body.startsWith(`${indent}sources:\n`))
  const sources = body.replaceAll(new RegExp(`^${indent}`, 'gm'), '').replace('sources:\n', '')
  return { text, sources: sources.replace('mqtt://192.0.2.40:1883', 'PLANT_URL').replace('username: gateway', 'username: PLANT_USER').replace(/\{ env: \w+ \}/, '{ env: PLANT_PASSWORD }') }
}

async function called(args: readonly string[], env: NodeJS.ProcessEnv): Promise<{ code: number; out: string; err: string }> {
  let out = ''
  let err = ''
  const code = await runCli([...args], { out: (text) => { out += text }, err: (text) => { err += text }, env, live: false })
  return { code, out, err }
}

const browse = ({ plant: { connection: { url, username = '', password = '' } } }: EdgePlant, ...more: string[]) =>
  called(['edge', 'browse', url, '--user', username, '--password-env', 'PLANT_PASSWORD', ...more], { PLANT_PASSWORD: password })

/** Every tag of a draft, by its address. */
async function drafted(out: string): Promise<Map<string, { tag: string; unit: string | undefined; source: string; kind: string }>> {
  const { tags } = await parseSiteFile(`version: 1\nsite: s\ngateway: g\nplatform: { mqtt: "mqtt://h" }\nsources:\n${out}`, 'site.yaml')
  return new Map(tags.map(({ address, tag, unit, source, kind = 'scalar' }) => [address, { tag, unit, source, kind }]))
}

test('a Sparkplug plant in ten lines, as the docs have it: browsed, checked, run', async (t) => {
  const stage = await startEdgePlant(t)
  const { plant, write, run, arrived, until, directory } = stage
  const { sources } = documented('connect-sparkplug.md')
  assert.ok(sources.split('\n').length <= 11, 'ten lines')
  const node = await startSparkplugNode(plant.connection, {
    group: 'plant-a', node: 'line-1', devices: { '': { 'Cabinet Temperature': { type: DOUBLE, unit: '°C' } }, 'press-4': { 'Oil/Temperature': { type: DOUBLE, unit: 'Cel' }, Strokes: { type: UINT32 }, 'Serial Number': { type: 12 } } },
  })
  t.after(() => node.crash())
  await node.send('press-4', 'Strokes', 7)
  const talking = { on: true }
  t.after(() => { talking.on = false })
  const talk = (async () => { while (talking.on) await Promise.all([node.send('press-4', 'Strokes', 7), sleep(100)]) })()
  const seen = await browse(stage, '--listen', '4s', '--id', 'press-hall')
  assert.equal(seen.code, 0, seen.err)
  const found = await drafted(seen.out)
  assert.deepEqual([...found].map(([address, { tag, unit, source }]) => [address, tag, unit, source]).sort(), [
    ['plant-a/line-1#Cabinet Temperature', 'line-1/cabinet-temperature', 'Cel', 'press-hall'], ['plant-a/line-1/press-4#Oil/Temperature', 'press-4/oil-temperature', 'Cel', 'press-hall'],
    ['plant-a/line-1/press-4#Strokes', 'press-4/strokes', '1', 'press-hall'],
  ])
  assert.match(seen.out, /Strokes.*# UInt32; the node names no unit/)
  for (const { address } of (parse(`sources:\n${sources}`) as { sources: { tags: { address: string }[] }[] }).sources[0]?.tags ?? []) assert.ok(found.has(address), address)

  write(sources)
  const checked = await called(['edge', 'check', path.join(directory, 'site.yaml')], { MQTT_URL: 'mqtt://127.0.0.1:9', PLANT_PASSWORD: 'x' })
  assert.equal(checked.code, 0, checked.err)
  const edge = await run()
  await node.send('press-4', 'Oil/Temperature', 61.5)
  await node.send('', 'Cabinet Temperature', 31)
  const last = (tag: string) => arrived(tag).findLast(({ value }) => Number.isFinite(value))?.value
  await until('the three tags', () => last('press-4/oil-temp') === 61.5 && last('press-4/strokes') === 7 && last('line-1/cabinet-temp') === 31)
  talking.on = false
  await talk
  await edge.until(({ connectors: [connector] }) => connector?.state === 'ok')
  await edge.stop()
})

test('a device that speaks JSON in ten lines, as the docs have it: browsed, checked, run', async (t) => {
  const stage = await startEdgePlant(t)
  const { plant, write, run, arrived, until, directory } = stage
  const { text, sources } = documented('connect-mqtt.md')
  assert.ok(sources.split('\n').length <= 11, 'ten lines')
  const [, message = ''] = /^ +```json\n([^]*?)^ +```/m.exec(text) ?? []
  const { url, username = '', password = '' } = plant.connection
  const device = await connectAsync(url, { username, password })
  t.after(() => device.endAsync(true))
  const say = () => device.publishAsync('hall-2/pump-1/data', message, { qos: 1, retain: true })
  await say()
  await device.publishAsync('hall-2/pump-1/speed', '1480', { qos: 1, retain: true })
  await device.publishAsync('hall-2/pump-1/name', 'Pump "1"', { qos: 1, retain: true })
  await device.publishAsync('hall-2/pump-2/list', JSON.stringify([{ name: 'a', v: 1, ts: 1_772_366_400_000 }, { name: 'b', v: true, ts: 1_772_366_400_000 }]), { qos: 1, retain: true })
  await device.publishAsync('hall-2/pump-2/vib', JSON.stringify({ t0: 1, samples: Array.from({ length: 64 }, (_, i) => i / 8) }), { qos: 1, retain: true })
  const seen = await browse(stage, '--listen', '2', '--id', 'hall-2', '--topic', 'hall-2/#')
  assert.equal(seen.code, 0, seen.err)
  const found = await drafted(seen.out)
  assert.deepEqual([...found].map(([address, { tag, kind }]) => [address, tag, kind]).sort(), [
    ['hall-2/pump-1/data#flow', 'pump-1/flow', 'scalar'], ['hall-2/pump-1/data#motor.temp', 'pump-1/motor-temp', 'scalar'], ['hall-2/pump-1/speed', 'pump-1/speed', 'scalar'],
    ['hall-2/pump-2/list#[name=a].v', 'list/a-v', 'scalar'], ['hall-2/pump-2/list#[name=b].v', 'list/b-v', 'scalar'],
    ['hall-2/pump-2/vib#samples', 'vib/samples', 'waveform'], ['hall-2/pump-2/vib#t0', 'vib/t0', 'scalar'],
  ])
  const [{ messages }] = parse(seen.out) as [{ messages: object[] }]
  assert.deepEqual(messages, [{ topic: 'hall-2/pump-1/data', time: 'ts', quality: 'quality' }, { topic: 'hall-2/pump-2/list', time: { at: 'ts', is: 'ms' } }, { topic: 'hall-2/pump-2/vib', sampleRateHz: 1_000 }])

  write(sources)
  const checked = await called(['edge', 'check', path.join(directory, 'site.yaml')], { MQTT_URL: 'mqtt://127.0.0.1:9', PLANT_PASSWORD: 'x' })
  assert.equal(checked.code, 0, checked.err)
  const edge = await run()
  await until('the two tags, at the time of the message', () => ['pump-1/motor-temp', 'pump-1/flow'].every((tag) => arrived(tag).some(({ us }) => us === Date.parse('2026-03-01T12:00:00.250Z') * 1_000)))
  assert.deepEqual(['pump-1/motor-temp', 'pump-1/flow'].map((tag) => arrived(tag)[0]?.value), [61.5, 12.1])
  await edge.stop()
})

test('browsing a broker that nobody speaks on, or that is not there, says so', async (t) => {
  const stage = await startEdgePlant(t)
  const silent = await browse(stage, '--listen', '1', '--json')
  assert.deepEqual([silent.code, (JSON.parse(silent.out) as { tags: number; messages: number }).tags], [0, 0])
  assert.equal((await called(['edge', 'browse', 'mqtt://127.0.0.1:9', '--listen', '1'], {})).code, 1)
  for (const wrong of ['soon', '0s']) assert.equal((await called(['edge', 'browse', 'mqtt://127.0.0.1:9', '--listen', wrong], {})).code, 2)
  assert.equal((await called(['edge', 'browse', 'mqtt://127.0.0.1:9', '--listen', '1m'], {})).code, 1)
  assert.equal((await called(['edge', 'browse', 'mqtt://h/path'], {})).code, 2)
})
