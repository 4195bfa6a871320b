import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { suite, test, type TestContext } from 'node:test'
import { pino } from 'pino'
import { z } from 'zod'
import { packReadings } from '../../../edge/connectors/blocks.ts'
import { secretReferenceSchema, type ConnectorKind, type SecretReference } from '../../../edge/connectors/kind.ts'
import { runSiteFile } from '../../../edge/site/run-site-file.ts'
import { parseSiteFile } from '../../../edge/site/site-file.ts'
import { runCli } from '../../../infra/cli/run.ts'
import type { AssetImport } from '../../../registry/domain/contract/hierarchy.ts'
import { startBroker, type TestBroker } from '../../helpers/broker.ts'
import { startEdge, type EdgeProcess } from '../../helpers/edge-process.ts'
import { startDevice, type TestDevice } from '../../helpers/modbus.ts'
import { startPlant } from '../../helpers/opcua-plant.ts'
import { programArgs } from '../../helpers/own-program.ts'
import { readingsOf, startReceiver, type Receiver } from '../../helpers/receiver.ts'


interface Plant {
  readonly device: TestDevice
  readonly broker: TestBroker
  readonly receiver: Receiver
  readonly directory: string
  readonly file: string
  readonly env: NodeJS.ProcessEnv
  /** Puts the file in place at once, as editors do. */
  readonly write: (text: string) => void
  readonly siteFile: (more?: { tags?: string; head?: string; buffer?: string }) => string
  readonly run: (env?: NodeJS.ProcessEnv) => Promise<EdgeProcess>
  /** Resolves when such a reading has arrived at the platform's side. */
  readonly arrived: (tag: string) => Promise<void>
}

async function plant(t: TestContext): Promise<Plant> {
  const device = await startDevice()
  const broker = await startBroker()
  const directory = mkdtempSync(path.join(os.tmpdir(), 'twinward-edge-run-'))
  const receiver = await startReceiver(broker.connection, 'hamburg', 'gw-1')
  const edges: EdgeProcess[] = []
  t.after(async () => {
    for (const { child } of edges) if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    await receiver.close()
    await broker.stop()
    await device.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  const file = path.join(directory, 'site.yaml')
  const { url, username = '', password = '' } = broker.connection
  const env = { MQTT_URL: url, MQTT_USERNAME: username, MQTT_PASSWORD: password, TWINWARD_DATA_DIR: directory }
  return {
    device, broker, receiver, directory, file, env,
    write(text) {
      writeFileSync(`${file}.new`, text)
      renameSync(`${file}.new`, file)
    },
    siteFile: ({ tags = '', head = '', buffer = '' } = {}) => `version: 1
site: hamburg
gateway: gw-1
buffer: { cap: 64 MiB${buffer} }
health: { listen: "127.0.0.1:0" }
${head}sources:
  - id: plc-7
    type: modbus-tcp
    host: 127.0.0.1
    port: ${device.port}
    every: 50ms
    tags:
      - { tag: pump-1/speed, address: "1:holding:7:uint16", unit: /min }
${tags}`,
    async run(more = {}) {
      const edge = await startEdge([...await programArgs('infra/bin/cli.ts'), 'edge', 'run', file], { ...env, ...more })
      edges.push(edge)
      return edge
    },
    async arrived(tag) {
      while (!readingsOf(receiver).some((reading) => reading.startsWith(`${tag} `))) await new Promise((resolve) => { setTimeout(resolve, 25) })
    },
  }
}

suite('edge run', () => {
  test('ships, tells how it is, follows its file, keeps on with the former one when it has a mistake, and ends in order', async (t) => {
    const { write, siteFile, run, arrived, receiver, device, file } = await plant(t)
    write(siteFile())
    const edge = await run()
    await arrived('pump-1/speed')
    assert.ok(readingsOf(receiver).every((reading) => / 1007 1007 0$/.test(reading)))

    const well = await edge.until(({ state, connected }) => state === 'ok' && connected)
    assert.equal(well.gateway, 'gw-1')
    assert.equal((await edge.health()).status, 200)
    const metrics = await edge.metrics()
    for (const line of [/^twinward_gateway_up 1$/m, /^twinward_gateway_uplink_connected 1$/m, /^twinward_gateway_buffer_cap_bytes 67108864$/m, /^twinward_gateway_lost_rows_total 0$/m,
      /^twinward_gateway_connector_state\{source="plc-7",type="modbus-tcp",state="ok"\} 1$/m, /^twinward_gateway_disk_free_bytes \d+$/m, /^twinward_gateway_gaps_open \d+$/m,
      /^twinward_gateway_oldest_age_seconds [\d.e-]+$/m, /^twinward_gateway_events_total\{event="acknowledged"\} [1-9]\d*$/m, /^twinward_gateway_last_acknowledged_age_seconds [\d.e-]+$/m]) assert.match(metrics, line)
    assert.equal((await fetch(`${edge.url}/elsewhere`)).status, 404)
    assert.equal((await fetch(`${edge.url}/healthz`, { method: 'POST' })).status, 405)

    // A good file: one more tag, seen without a signal.
    write(siteFile({ tags: '      - { tag: pump-1/flow, address: "1:holding:8:uint16", unit: m3/h }\n' }))
    await arrived('pump-1/flow')
    const connections = device.connections()

    // A bad one: nothing changes but what it says of itself.
    write(siteFile({ tags: '      - { tag: pump-1/flow, address: "1:holding:8:uint16", unit: cubits }\n' }))
    const ill = await edge.until(({ problems }) => problems.some((problem) => /site\.yaml:\d+: .*"cubits" is not a UCUM unit/.test(problem)))
    assert.equal(ill.state, 'degraded')
    assert.match(edge.output(), /the site file cannot be used/)
    const before = readingsOf(receiver).length
    while (readingsOf(receiver).length <= before) await new Promise((resolve) => { setTimeout(resolve, 25) })
    assert.equal(device.connections(), connections)

    // Gone altogether, then mended: SIGHUP makes it look at once.
    rmSync(file)
    edge.child.kill('SIGHUP')
    await edge.until(({ problems }) => problems.some((problem) => /cannot be read/.test(problem)))
    write(siteFile({ tags: '      - { tag: pump-1/power, address: "1:holding:9:uint16", unit: W }\n' }))
    edge.child.kill('SIGHUP')
    await edge.until(({ state }) => state === 'ok')
    await arrived('pump-1/power')

    // More than its sources: it starts anew in the same process.
    write(siteFile({ buffer: ', keepRaw: { for: 1 h, cap: 16 MiB }' }))
    await edge.said(/started anew with the new site file/)

    assert.deepEqual(await edge.stop(), { code: 0, signal: null })
    assert.equal(edge.output().includes('"level":60'), false)
  })

  test('a new plan that cannot start leaves the former one at work', async (t) => {
    const { write, siteFile, run, arrived, receiver, directory } = await plant(t)
    write(siteFile())
    const edge = await run()
    await arrived('pump-1/speed')
    writeFileSync(path.join(directory, 'no-folder'), '')
    write(siteFile({ buffer: `, directory: ${path.join(directory, 'no-folder', 'buffer')}` }))
    await edge.until(({ problems }) => problems.some((problem) => /the former one is in force/.test(problem)))
    const before = readingsOf(receiver).length
    while (readingsOf(receiver).length <= before) await new Promise((resolve) => { setTimeout(resolve, 25) })
    assert.deepEqual(await edge.stop('SIGINT'), { code: 0, signal: null })
  })

  test('a missing password of the platform ends the start with its cure', async (t) => {
    const { write, siteFile, env, file } = await plant(t)
    write(siteFile({ head: 'platform: { password: { file: nowhere } }\n' }))
    await assert.rejects(startEdge([...await programArgs('infra/bin/cli.ts'), 'edge', 'run', file], env), /the secret nowhere cannot be read/)
  })

  test('its log rotates by size and is there after a restart', async (t) => {
    const { write, siteFile, run, arrived, directory, broker } = await plant(t)
    write(siteFile({ head: 'log: { file: log/edge.log, maxSize: 400 B, keep: 2 }\n' }))
    const logs = path.join(directory, 'log')
    const first = await run()
    await arrived('pump-1/speed')
    await broker.crash()
    await first.until(({ connected }) => !connected)
    await broker.restart()
    await first.until(({ connected }) => connected)
    await first.stop('SIGKILL')
    assert.match(readdirSync(logs).map((name) => readFileSync(path.join(logs, name), 'utf8')).join(''), /no connection to the broker/)
    const again = await run()
    await again.until(({ connected }) => connected)
    await again.stop()
    const names = readdirSync(logs).sort()
    assert.deepEqual(names, ['edge.log', 'edge.log.1', 'edge.log.2'])
    for (const name of names) assert.ok(statSync(path.join(logs, name)).size <= 400, name)
    assert.match(readFileSync(path.join(logs, 'edge.log'), 'utf8'), /the gateway has stopped/)
    assert.equal(again.output(), '')
  })

  test('under systemd: ready, the watchdog, stopping; a power cut while the file was half written needs no human', async (t) => {
    const { write, siteFile, run, arrived, directory } = await plant(t)
    const heard = path.join(directory, 'notified')
    writeFileSync(path.join(directory, 'systemd-notify'), `#!/bin/sh\necho "$@" >> ${heard}\n`)
    chmodSync(path.join(directory, 'systemd-notify'), 0o755)
    const state = path.join(directory, 'state')
    const env = { PATH: `${directory}:${process.env['PATH'] ?? ''}`, NOTIFY_SOCKET: '/run/nowhere', WATCHDOG_USEC: '200000', STATE_DIRECTORY: state }
    const notified = async (what: RegExp) => { while (!existsSync(heard) || !what.test(readFileSync(heard, 'utf8'))) await new Promise((resolve) => { setTimeout(resolve, 25) }) }
    write(siteFile())
    const edge = await run(env)
    await notified(/READY=1[^]*WATCHDOG=1[^]*WATCHDOG=1/)
    await arrived('pump-1/speed')
    await edge.stop('SIGKILL')

    write(siteFile().slice(0, 120))
    const again = await run(env)
    await again.until(({ problems, connectors }) => problems.some((problem) => /site file cannot be used/.test(problem)) && connectors.some(({ id, state: now }) => id === 'plc-7' && now !== 'down'))
    await again.stop()
    await notified(/STOPPING=1/)
  })
})

test('a source whose secret is missing is down by itself, and starts when the secret is there', async (t) => {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'twinward-edge-secret-'))
  t.after(() => { rmSync(directory, { recursive: true, force: true }) })
  const kind: ConnectorKind<{ password: SecretReference }> = {
    type: 'plain',
    config: z.strictObject({ password: secretReferenceSchema }),
    checkAddress: () => {},
    create({ password }, { id, map, secret, nowUs }) {
      const word = secret(password)
      return {
        id, map, mode: 'live',
        async run(outlet, signal) {
          await outlet.deliver({ blocks: [packReadings([{ address: 'a', sourceUs: nowUs(), raw: word.length, quality: 0 }])] })
          await new Promise<void>((resolve) => { signal.addEventListener('abort', () => { resolve() }) })
        },
      }
    },
  }
  const file = path.join(directory, 'site.yaml')
  writeFileSync(file, `version: 1
site: hamburg
gateway: gw-1
platform: { mqtt: "mqtt://127.0.0.1:9" }
health: off
sources:
  - { id: plc-7, type: plain, password: { file: plc-password }, tags: [{ tag: pump-1/a, address: a, unit: "1" }] }
`)
  const runner = await runSiteFile({ file, env: {}, version: '1', kinds: { plain: async () => kind }, openLog: () => ({ log: pino({ level: 'silent' }), close: async () => {} }) })
  const status = () => runner.site()?.status() ?? assert.fail('it does not run')
  const until = async (holds: () => boolean) => { while (!holds()) await new Promise((resolve) => { setTimeout(resolve, 25) }) }
  await until(() => status().connectors[0]?.state === 'down')
  assert.match(status().problems.join('\n'), /plc-7: the secret plc-password cannot be read/)
  writeFileSync(path.join(directory, 'plc-password'), 'sesame\n')
  await until(() => status().buffer.rows > 0)
  assert.equal(status().connectors[0]?.state, 'ok')
  await runner.pulse()
  await runner.stop()
})

suite('edge commands', () => {
  const call = async (args: readonly string[], env: NodeJS.ProcessEnv = {}) => {
    let out = ''
    let err = ''
    const code = await runCli(args, { env, live: false, out: (text) => { out += text }, err: (text) => { err += text } })
    return { code, out, err }
  }
  test('check, assets, status: for people and as JSON, with exit codes', async (t) => {
    const { write, siteFile, file, env, run, arrived } = await plant(t)
    write(siteFile({ tags: '      - { tag: pump-1/flow, address: "1:holding:8:uint16", unit: m3/h, every: 100ms }\n', head: 'assets: { pump-1: { class: pump, family: pumps } }\n' }))
    const good = await call(['edge', 'check', file], env)
    assert.deepEqual([good.code, good.err], [0, ''])
    assert.match(good.out, /no mistake: gateway gw-1 of site hamburg[^]*plc-7 +modbus-tcp +2 +0 +10 +1 tag +10/)
    const document = JSON.parse((await call(['--json', 'edge', 'check', file], env)).out) as { ok: boolean; sources: { readingsPerSec: number }[] }
    assert.deepEqual([document.ok, document.sources[0]?.readingsPerSec], [true, 10])
    const assets = JSON.parse((await call(['edge', 'assets', file, '--json'])).out) as { assets: { id: string; family: string }[]; tags: unknown[] }
    assert.deepEqual([assets.assets[0]?.id, assets.assets[0]?.family, assets.tags.length], ['pump-1', 'pumps', 2])

    const edge = await run()
    await arrived('pump-1/flow')
    await edge.until(({ state }) => state === 'ok')
    const well = await call(['edge', 'status', '--url', edge.url])
    assert.equal(well.code, 0)
    assert.match(well.out, /Gateway gw-1 of site hamburg.*ok, connected[^]*plc-7 +modbus-tcp +ok/)
    await edge.stop()
    const gone = await call(['--json', 'edge', 'status', '--url', edge.url])
    assert.deepEqual([gone.code, (JSON.parse(gone.out) as { error: { code: string } }).error.code], [1, 'unreachable'])

    write(siteFile({ tags: '      - { tag: pump-1/flow, address: "1:holding:8:uint99", unit: m3/h }\n      - { tag: pump-1/flow, address: x, unit: m3/h, evry: 1s }\n' }))
    const bad = await call(['edge', 'check', file], env)
    assert.equal(bad.code, 1)
    assert.match(bad.err, /site\.yaml:14: .*uint99[^]*site\.yaml:15: .*evry: there is no such key; did you mean "every"\?/)
    const problems = (JSON.parse((await call(['--json', 'edge', 'check', file], env)).out) as { error: { code: string; details: { problems: string[] } } }).error
    assert.equal(problems.code, 'invalid')
    assert.equal(problems.details.problems.length, 2)
    assert.equal((await call(['edge', 'check'])).code, 2)
  })
  test('browse prints a source that a site file takes as it is', async (t) => {
    const server = await startPlant(t, ['Speed', 'Flow'])
    const directory = mkdtempSync(path.join(os.tmpdir(), 'twinward-edge-browse-'))
    t.after(() => { rmSync(directory, { recursive: true, force: true }) })
    const { code, out } = await call(['edge', 'browse', server.endpoint, '--security', 'None', '--id', 'plc-8', '--certificates', directory])
    assert.equal(code, 0)
    const { plan } = await parseSiteFile(`version: 1\nsite: hamburg\ngateway: gw-1\nplatform: { mqtt: "mqtt://127.0.0.1:9" }\nsources:\n${out}`, 'site.yaml')
    assert.deepEqual(plan.sources.map(({ id, tags }) => [id, tags.map(({ tag }) => tag).sort()]), [['plc-8', ['pump-1/flow', 'pump-1/speed']]])
    assert.equal((await call(['edge', 'browse', 'http://nowhere'])).code, 2)
  })
  test('register hands the platform what the file names', async (t) => {
    const { write, siteFile, file } = await plant(t)
    write(siteFile({ head: 'assets: { pump-1: { class: pump, family: pumps } }\n' }))
    const asked: { url: string | undefined; body: string }[] = []
    const api = createServer((request, response) => {
      let body = ''
      request.on('data', (chunk: Buffer) => { body += chunk.toString() })
      request.on('end', () => {
        asked.push({ url: request.url, body })
        response.end(JSON.stringify({ site: 'hamburg', areas: 1, lines: 1, assets: 1, components: 0, tags: 1, familiesMade: ['pumps'], changed: true }))
      })
    })
    await new Promise<void>((resolve) => { api.listen(0, '127.0.0.1', resolve) })
    t.after(() => { api.close() })
    const { port } = api.address() as AddressInfo
    const { code, out } = await call(['edge', 'register', file, '--url', `http://127.0.0.1:${port}`], { TWINWARD_API_KEY: 'k', TWINWARD_DATA_DIR: path.dirname(file) })
    assert.equal(code, 0)
    assert.match(out, /Registered at site hamburg: 1 area, 1 line, 1 asset, 0 components, 1 tag/)
    assert.equal(asked[0]?.url, '/v1/assets/import')
    assert.equal((JSON.parse(asked[0]?.body ?? '{}') as AssetImport).tags[0]?.provenance?.device, 'plc-7')
  })
})
