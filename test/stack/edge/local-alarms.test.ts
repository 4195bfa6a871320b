import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { suite, test, type TestContext } from 'node:test'
import { connectAsync } from 'mqtt'
import type { AlarmMessage } from '../../../edge/alarms/outputs/message.ts'
import { runCli } from '../../../infra/cli/run.ts'
import { waitFor } from '../../../infra/demo/wait.ts'
import { freePort } from '../../../infra/dev/ports.ts'
import { startBroker } from '../../helpers/broker.ts'
import { startEdge, type EdgeProcess } from '../../helpers/edge-process.ts'
import { startDevice } from '../../helpers/modbus.ts'
import { programArgs } from '../../helpers/own-program.ts'
import { startReportDesk } from '../../helpers/report-desk.ts'


/** The CLI of a gateway's box: no platform, no key. */
async function onBox(args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  let stdout = ''
  let stderr = ''
  const code = await runCli(args, { env: {}, live: false, out: (text) => { stdout += text }, err: (text) => { stderr += text } })
  return { code, stdout, stderr }
}

/** One pump on Modbus whose temperature the test says; a broker and a horn of the plant's own; the platform is away. */
async function plant(t: TestContext) {
  const device = await startDevice()
  const broker = await startBroker()
  const directory = mkdtempSync(path.join(os.tmpdir(), 'twinward-local-alarms-'))
  const state = { temperature: 20, hornAnswers: 200, siren: false }
  device.behave = (asked) => {
    if (asked.function !== 5) return { raw: device.frame(asked, Uint8Array.of(3, 2, state.temperature >> 8, state.temperature & 255)) }
    assert.deepEqual([asked.unit, asked.start], [1, 3], 'nothing else is ever written')
    state.siren = asked.count === 0xff00
    return { raw: device.frame(asked, Uint8Array.of(5, 0, 3, asked.count >> 8, 0)) }
  }
  const published: AlarmMessage[] = []
  const { url, ...user } = broker.connection
  const listener = await connectAsync(url, { ...user, protocolVersion: 4 })
  await listener.subscribeAsync('plant/alarms/#', { qos: 1 })
  const topics: string[] = []
  listener.on('message', (topic, payload) => {
    topics.push(topic)
    published.push(JSON.parse(payload.toString()) as AlarmMessage)
  })
  const called: { headers: IncomingHttpHeaders; message: AlarmMessage }[] = []
  const horn = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part)).on('end', () => {
      if (state.hornAnswers === 200) called.push({ headers: request.headers, message: JSON.parse(Buffer.concat(parts).toString()) as AlarmMessage })
      response.writeHead(state.hornAnswers).end()
    })
  })
  horn.listen(0, '127.0.0.1')
  await once(horn, 'listening')
  const edges: EdgeProcess[] = []
  t.after(async () => {
    for (const { child } of edges) if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    await listener.endAsync(true)
    horn.closeAllConnections()
    horn.close()
    await broker.stop()
    await device.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  const file = path.join(directory, 'site.yaml')
  writeFileSync(path.join(directory, 'horn-token'), 'horn-secret\n', { mode: 0o600 })
  const write = (platform: string) => {
    writeFileSync(file, `version: 1
site: hamburg
gateway: gw-1
platform: { mqtt: "${platform}", username: ${user.username ?? 'none'}, password: { env: BROKER_PASSWORD } }
buffer: { cap: 64 MiB }
health: { listen: "127.0.0.1:0" }
alarms:
  rules:
    - { name: motor-hot, when: { tag: pump-1/temperature, above: 90, deadband: 5 }, severity: high, message: The motor is hot, action: Stop the pump. }
    - { name: warm, when: { tag: pump-1/temperature, above: 40 }, onDelay: 300ms, severity: low }
  to:
    - { id: panel, type: mqtt, url: "${url}", username: ${user.username ?? 'none'}, password: { env: BROKER_PASSWORD }, topic: "plant/alarms/{asset}/{rule}" }
    - { id: horn, type: http, url: "http://127.0.0.1:${(horn.address() as AddressInfo).port}/alarm", token: { file: horn-token }, atLeast: high }
    - { id: siren, type: write, source: plc-7, address: "1:coil:3", atLeast: high }
sources:
  - id: plc-7
    type: modbus-tcp
    host: 127.0.0.1
    port: ${device.port}
    every: 50ms
    writable: ["1:coil:3"]
    tags:
      - { tag: pump-1/temperature, address: "1:holding:7:uint16", unit: Cel }
`)
  }
  write(`mqtt://127.0.0.1:${await freePort()}`)
  return {
    state, published, topics, called, write, broker,
    async run() {
      const edge = await startEdge([...await programArgs('infra/bin/cli.ts'), 'edge', 'run', file], { BROKER_PASSWORD: user.password ?? '', TWINWARD_DATA_DIR: directory })
      edges.push(edge)
      return edge
    },
  }
}
const course = (messages: readonly AlarmMessage[], rule = 'motor-hot') => messages.filter((message) => message.rule === rule).map(({ state, revision, acknowledged }) => `${state} ${revision}${acknowledged ? ' acknowledged' : ''}`)

suite('local alarms, the platform away', () => {
  test('are raised by the box, told to its outputs, stand over a kill -9, and reach the platform once it is there', async (t) => {
    const on = await plant(t)
    const edge = await on.run()
    await edge.until(({ connectors }) => connectors[0]?.state === 'ok')
    on.state.temperature = 95
    await waitFor('the panel', async () => on.published.some(({ rule }) => rule === 'motor-hot'), 20_000, 5)
    await waitFor('the horn', async () => on.called.length === 1, 20_000, 5)
    await waitFor('the delayed one', async () => on.published.some(({ rule }) => rule === 'warm'), 20_000, 5)
    await waitFor('the siren', async () => on.state.siren, 20_000, 5)
    on.state.siren = false
    await waitFor('the siren again: its machine had forgotten', async () => on.state.siren, 20_000, 5)
    const [told] = on.published
    assert.deepEqual([told?.site, told?.gateway, told?.asset, told?.rule, told?.severity, told?.message, told?.recommendedAction], ['hamburg', 'gw-1', 'pump-1', 'motor-hot', 'high', 'The motor is hot', 'Stop the pump.'])
    assert.deepEqual(told?.numbers, [{ tag: 'pump-1/temperature', what: 'above', value: 95, limit: 90, unit: 'Cel' }])
    assert.deepEqual(on.topics, ['plant/alarms/pump-1/motor-hot', 'plant/alarms/pump-1/warm'])
    assert.equal(on.called[0]?.headers.authorization, 'Bearer horn-secret')
    assert.equal(on.called[0]?.headers['idempotency-key'], `${told?.id}/1`)
    assert.doesNotMatch(edge.output(), /horn-secret/)

    await edge.stop('SIGKILL')
    const again = await on.run()
    await again.until(({ connectors }) => connectors[0]?.state === 'ok')
    const listed = await onBox(['--url', again.url, '--json', 'edge', 'alarms'])
    const { items } = JSON.parse(listed.stdout) as { items: { id: string; state: string; rule: string }[] }
    assert.deepEqual(items.map(({ rule, state }) => `${rule} ${state}`).sort(), ['motor-hot active', 'warm active'])
    const acknowledged = await onBox(['--url', again.url, 'edge', 'acknowledge', told?.id ?? '', '--by', 'otto', '--comment', 'on my way'])
    assert.equal(acknowledged.code, 0, acknowledged.stderr)
    on.state.hornAnswers = 503
    on.state.temperature = 20
    await waitFor('the panel to hear it is over', async () => course(on.published).length === 3, 20_000)
    assert.deepEqual(course(on.published), ['active 1', 'active 2 acknowledged', 'cleared 3 acknowledged'], 'none was told twice')
    await waitFor('the siren to end', async () => !on.state.siren, 20_000, 5)
    await again.until(({ problems }) => problems.some((text) => /alarms do not reach horn: it answers 503/.test(text)))
    on.state.hornAnswers = 200
    await waitFor('the horn to hear it is over', async () => on.called.length === 3 || course(on.called.map(({ message }) => message)).at(-1) === 'cleared 3 acknowledged', 60_000)
    await again.until(({ problems }) => !problems.some((text) => /do not reach horn/.test(text)))
    await again.stop()

    const desk = await startReportDesk(on.broker.connection, 'hamburg', 'gw-1')
    t.after(() => desk.close())
    on.write(on.broker.connection.url)
    const last = await on.run()
    await waitFor('the platform', async () => desk.alarms.size === 2, 20_000)
    const kept = desk.alarms.get(told?.id ?? '')
    assert.deepEqual([kept?.revision, kept?.state, kept?.acknowledged?.by, kept?.because], [3, 'cleared', 'otto', 'normal'])
    on.state.temperature = 95
    await waitFor('a new one', async () => desk.alarms.size > 2, 20_000)
    assert.ok(desk.reports.at(-1)?.alarms.every(({ id }) => id !== told?.id), 'what the platform has is not told again')
    await last.stop()
  })

  test('an acknowledgement comes from the box itself, as JSON, for an alarm that is there', async (t) => {
    const on = await plant(t)
    const edge = await on.run()
    const ask = (id: string, body: string, headers: Record<string, string> = { 'content-type': 'application/json' }) => fetch(`${edge.url}/alarms/${id}/acknowledge`, { method: 'POST', body, headers })
    assert.equal((await ask('gone', '{"by":"otto"}')).status, 404)
    assert.equal((await ask('%E0%A4%A', '{"by":"otto"}')).status, 404, 'no such id either')
    assert.equal((await ask('gone', '{}')).status, 400)
    assert.equal((await ask('gone', '{"by":"otto"}', { 'content-type': 'text/plain' })).status, 415, 'what a page of another site may send unasked')
    assert.equal((await ask('gone', `{"by":"${'x'.repeat(5000)}"}`)).status, 400)
    const refused = await onBox(['--url', edge.url, 'edge', 'acknowledge', 'gone'])
    assert.notEqual(refused.code, 0)
    assert.match(refused.stderr, /no alarm gone; "twinward edge alarms" lists those it has/)
    await edge.stop()
  })
})
