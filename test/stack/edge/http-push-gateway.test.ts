import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import { freePort } from '../../../infra/dev/ports.ts'
import { startBroker } from '../../helpers/broker.ts'
import { startEdge, type EdgeProcess } from '../../helpers/edge-process.ts'
import { machine, TOKENS } from '../../helpers/http-push.ts'
import { programArgs } from '../../helpers/own-program.ts'
import { seeded } from '../../helpers/random.ts'
import { readingsOf, startReceiver } from '../../helpers/receiver.ts'

/** A gateway that machines push to, and the platform's side of it. */
interface Plant { readonly run: () => Promise<EdgeProcess>; readonly send: ReturnType<typeof machine>; readonly arrived: () => string[]; readonly broker: Awaited<ReturnType<typeof startBroker>> }

async function plant(t: TestContext, buffer = '{ cap: 64 MiB }'): Promise<Plant> {
  const broker = await startBroker()
  const directory = mkdtempSync(path.join(os.tmpdir(), 'twinward-push-'))
  const receiver = await startReceiver(broker.connection, 'hamburg', 'gw-1')
  const edges: EdgeProcess[] = []
  t.after(async () => {
    for (const { child } of edges) if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    await receiver.close()
    await broker.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  const port = await freePort()
  const { url, username = '', password = '' } = broker.connection
  writeFileSync(path.join(directory, 'press-token'), `${TOKENS['ONE'] ?? ''}\n`)
  writeFileSync(path.join(directory, 'site.yaml'), `version: 1
site: hamburg
gateway: gw-1
buffer: ${buffer}
health: { listen: "127.0.0.1:0" }
sources:
  - id: push
    type: http-push
    listen: "127.0.0.1:${port}"
    tokens: [{ name: press-1, secret: { file: press-token }, assets: [press-1] }]
    limits: { requestsPerSecond: 10000, concurrent: 200 }
    tags:
      - { tag: press-1/temp, address: temp, unit: "[degF]", canonicalUnit: Cel }
      - { tag: press-1/count, address: count, unit: "1" }
`)
  return {
    broker, send: machine(`http://127.0.0.1:${port}`, TOKENS['ONE'] ?? ''), arrived: () => readingsOf(receiver),
    async run() {
      const edge = await startEdge([...await programArgs('infra/bin/cli.ts'), 'edge', 'run', path.join(directory, 'site.yaml')],
        { MQTT_URL: url, MQTT_USERNAME: username, MQTT_PASSWORD: password, TWINWARD_DATA_DIR: directory })
      edges.push(edge)
      await edge.until(({ connectors }) => connectors[0]?.state === 'ok')
      return edge
    },
  }
}

const until = async (holds: () => boolean) => { while (!holds()) await new Promise((resolve) => { setTimeout(resolve, 25) }) }

test('readings are converted and shipped; the connector is in health and metrics', async (t) => {
  const { run, send, arrived } = await plant(t)
  const edge = await run()
  const time = Date.now()
  assert.equal((await send({ time, values: { temp: 212 } })).status, 200)
  await until(() => arrived().length > 0)
  assert.deepEqual(arrived(), [`press-1/temp ${time * 1000} 212 100.00000000000001 0`])
  await send({ values: { nonsense: 1 } })
  const ill = await edge.until(({ state }) => state === 'degraded')
  assert.match(ill.problems.join(), /push: messages that cannot be read: press-1: \/values\/nonsense: nobody knows the name/)
  assert.match(await edge.metrics(), /twinward_gateway_connector_events_total\{source="push",type="http-push",event="refused"\} 1/)
  await send({ values: { temp: 32 } })
  await edge.until(({ state, connected }) => state === 'ok' && connected)
  assert.deepEqual(await edge.stop(), { code: 0, signal: null })
})

test('kill -9 between request and answer: what was answered is stored exactly once, whatever was asked again', async (t) => {
  const { run, send, arrived } = await plant(t)
  const rounds = 6
  const pick = seeded(Number(process.env['TWINWARD_TEST_SEED'] ?? 7))
  let edge = await run()
  let next = 0
  const sent = new Set<number>()
  const timed = new Map<number, number>()
  /** Sends until it is told that it is safe, as a machine with a memory would: the same body under the same key. */
  const deliver = async (value: number): Promise<void> => {
    const withTime = value % 2 === 0
    const time = timed.get(value) ?? Date.now()
    timed.set(value, time)
    for (;;) {
      const answer = await send({ values: { count: value }, ...(withTime && { time }) }, withTime ? {} : { 'idempotency-key': `n-${value}` }).catch(() => undefined)
      if (answer?.status === 200) break
      await new Promise((resolve) => { setTimeout(resolve, 20) })
    }
    sent.add(value)
  }
  let sending = true
  const senders = Array.from({ length: 8 }, async () => { while (sending) await deliver(next++) })
  for (let round = 0; round < rounds; round++) {
    const mark = sent.size
    await until(() => sent.size > mark + 50)
    await new Promise((resolve) => { setTimeout(resolve, pick(60)) })
    await edge.stop('SIGKILL')
    edge = await run()
  }
  sending = false
  await Promise.all(senders)
  await edge.until(({ buffer }) => buffer.rows === 0)
  // As the platform does: the same tag, time and value is the same reading.
  const stored = [...new Set(arrived())].map((line) => Number(line.split(' ')[2])).sort((a, b) => a - b)
  assert.deepEqual(stored, [...sent].sort((a, b) => a - b))
  // Those with a key came once even without that.
  const keyed = arrived().map((line) => Number(line.split(' ')[2])).filter((value) => value % 2 === 1)
  assert.equal(keyed.length, new Set(keyed).size)
  await edge.stop()
  t.diagnostic(`${sent.size} readings, ${rounds} kills`)
})

test('a full buffer that rejects the newest says so, loses nothing and takes it when there is room', async (t) => {
  const { run, send, arrived, broker } = await plant(t, '{ cap: 100 kB, whenFull: reject-newest }')
  const edge = await run()
  await edge.until(({ connected }) => connected)
  await broker.crash()
  let value = 0
  const push = () => send({ values: { count: value }, time: 1_700_000_000_000 + value })
  let answer = await push()
  while (answer.status === 200) {
    value++
    answer = await push()
  }
  assert.deepEqual([answer.status, answer.headers.get('retry-after')], [503, '10'])
  await broker.restart()
  while ((await push()).status !== 200) await new Promise((resolve) => { setTimeout(resolve, 50) })
  await edge.until(({ buffer }) => buffer.rows === 0)
  assert.deepEqual(arrived().map((line) => Number(line.split(' ')[2])).sort((a, b) => a - b), Array.from({ length: value + 1 }, (_, i) => i))
  assert.equal((await edge.health()).body.buffer.lostRows, 0)
  await edge.stop()
})
