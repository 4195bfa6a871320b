/**
 * How fast one gateway is: connector → durable buffer → MQTT → acknowledged, with a receiver that acknowledges at once,
 * beside the buffer's bare durable writes and bare MQTT publishing of the same batches. One process, one core's worth.
 * `--json`: one object as the last line.
 */
import { fork } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { connectAsync } from 'mqtt'
import { pino } from 'pino'
import { createGateway, openLmdbBuffer, type Source } from '../../edge/index.ts'
import { encodeRawBlock, type ReadingsBlock } from '../../edge/raw-entry.ts'
import { launch } from '../child-process.ts'
import { loadConfig } from '../config.ts'
import { embeddedMqtt } from '../dev/mqtt.ts'
import { freePort } from '../dev/ports.ts'
import { loadSecrets } from '../dev/secrets.ts'
import { tsxArgs } from '../node-child.ts'

const TAGS = 100
const BLOCK_ROUNDS = 100
const BLOCK = TAGS * BLOCK_ROUNDS
const READINGS = 3_000_000
const BATCH = 50_000
const START_US = Date.UTC(2026, 0, 1) * 1000

export interface EdgeBench {
  readonly gatewayReadingsPerSec: number
  readonly gatewayReadingsPerCpuSec: number
  readonly bufferBareReadingsPerSec: number
  readonly mqttBareReadingsPerSec: number
  readonly restartToFirstBatchMs: number
  readonly rssAnonMb: number
  readonly rssMb: number
}

const addresses = Array.from({ length: TAGS }, (_, i) => `tag-${i}`)
const log = pino({ level: 'silent' })

function blockAt(round: number): ReadingsBlock {
  const block = { kind: 'readings' as const, addresses, address: new Uint16Array(BLOCK), sourceUs: new Float64Array(BLOCK), raw: new Float64Array(BLOCK), quality: new Uint16Array(BLOCK) }
  for (let r = 0, i = 0; r < BLOCK_ROUNDS; r++) {
    for (let t = 0; t < TAGS; t++, i++) {
      block.address[i] = t
      block.sourceUs[i] = START_US + (round + r) * 1e6
      block.raw[i] = 20 + t + ((round + r) % 97) / 10
    }
  }
  return block
}

/** A source with nothing of its own to compute: what is measured is the gateway. */
const source: Source = {
  id: 'bench',
  mode: 'simulation',
  map: { version: 1, tags: addresses.map((address) => ({ address, tag: `machine-1/${address}`, kind: 'scalar', unit: 'bar', canonicalUnit: 'kPa', scale: 1, offset: 0 })) },
  async run(outlet, signal) {
    for (let round = 0; round < READINGS / TAGS && !signal.aborted; round += BLOCK_ROUNDS) {
      await outlet.deliver({ blocks: [blockAt(round)], completeThroughUs: START_US + (round + BLOCK_ROUNDS - 1) * 1e6, position: { key: 'bench', value: round } })
    }
  },
}

export async function benchEdge(): Promise<EdgeBench> {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'twinward-bench-edge-'))
  const config = loadConfig({})
  const broker = embeddedMqtt(await freePort(), loadSecrets(directory), { dataDir: directory, logFile: path.join(directory, 'broker.log'), pidFile: path.join(directory, 'broker.pid') })
  const running = await launch(broker.spec)
  await running.ready
  const mqtt = broker.connection
  const receiver = fork(path.join(import.meta.dirname, 'edge-receiver.ts'), {
    execArgv: tsxArgs(), env: { PATH: process.env['PATH'], MQTT_URL: mqtt.url, MQTT_USERNAME: mqtt.username, MQTT_PASSWORD: mqtt.password, LOG_LEVEL: config.logLevel },
  })
  try {
    await new Promise((resolve) => receiver.once('message', resolve))
    const buffer = await openLmdbBuffer({ directory: path.join(directory, 'buffer') })
    const cpu = process.cpuUsage()
    const seconds = await timed(() => createGateway({ site: 'bench', gateway: 'bench', buffer, sources: [source], mqtt, log, cut: { rows: BATCH } }).run(new AbortController().signal))
    const used = process.cpuUsage(cpu)
    const memory = memoryMb()
    await buffer.close()
    return {
      gatewayReadingsPerSec: Math.round(READINGS / seconds),
      gatewayReadingsPerCpuSec: Math.round(READINGS / ((used.user + used.system) / 1e6)),
      bufferBareReadingsPerSec: await bareBuffer(path.join(directory, 'bare')),
      mqttBareReadingsPerSec: await bareMqtt(mqtt),
      restartToFirstBatchMs: await restart(path.join(directory, 'restart'), mqtt),
      ...memory,
    }
  } finally {
    receiver.kill('SIGTERM')
    await running.stop()
    rmSync(directory, { recursive: true })
  }
}

async function bareBuffer(directory: string): Promise<number> {
  const buffer = await openLmdbBuffer({ directory })
  const bytes = encodeRawBlock({ ...blockAt(0), source: 'bench', mode: 'simulation', mapDigest: '', gatewayUs: 0, completeThroughUs: null })
  const seconds = await timed(async () => {
    for (let i = 0; i < READINGS / BLOCK; i++) await buffer.append([{ bytes, count: BLOCK, mode: 'simulation', gatewayUs: 0, fromUs: START_US, toUs: START_US }])
  })
  await buffer.close()
  return Math.round(READINGS / seconds)
}

/** As many bytes a reading as a batch has, QoS 1, eight at once. */
async function bareMqtt({ url, ...user }: { url: string; username?: string; password?: string }): Promise<number> {
  const client = await connectAsync(url, { ...user, protocolVersion: 4 })
  const payload = Buffer.alloc(BATCH * 36)
  let left = READINGS / BATCH
  const publish = async () => { while (left-- > 0) await client.publishAsync('bench/bare', payload, { qos: 1 }) }
  const seconds = await timed(() => Promise.all(Array.from({ length: 8 }, publish)))
  await client.endAsync()
  return Math.round(READINGS / seconds)
}

/** From opening a buffer in which three million readings wait to the first batch acknowledged. */
async function restart(directory: string, mqtt: { url: string }): Promise<number> {
  const filling = await openLmdbBuffer({ directory })
  const offline = new AbortController()
  const nowhere = { url: `mqtt://127.0.0.1:${await freePort()}` }
  const filled = createGateway({ site: 'bench', gateway: 'bench', buffer: filling, sources: [source], mqtt: nowhere, log, cut: { rows: BATCH } }).run(offline.signal)
  while (filling.stats().appendedRows < READINGS) await new Promise((resolve) => setTimeout(resolve, 20))
  offline.abort()
  await filled
  await filling.close()

  const stop = new AbortController()
  const startedMs = performance.now()
  const buffer = await openLmdbBuffer({ directory })
  let firstMs = 0
  await createGateway({
    site: 'bench', gateway: 'bench', buffer, sources: [], mqtt, log, cut: { rows: BATCH },
    onAcknowledged: () => {
      firstMs ||= performance.now()
      stop.abort()
    },
  }).run(stop.signal)
  await buffer.close()
  return Math.round(firstMs - startedMs)
}

async function timed(body: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now()
  await body()
  return (performance.now() - startedMs) / 1000
}

/** Anonymous memory apart: the buffer's file is mapped, and counts as resident where it is only cached. */
function memoryMb(): Pick<EdgeBench, 'rssAnonMb' | 'rssMb'> {
  const rssMb = Math.round(process.memoryUsage.rss() / 2 ** 20)
  try {
    const kb = /^RssAnon:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
    return { rssAnonMb: kb === undefined ? rssMb : Math.round(Number(kb) / 1024), rssMb }
  } catch {
    return { rssAnonMb: rssMb, rssMb }
  }
}

if (process.argv[1] !== undefined && path.resolve(process.argv[1]) === import.meta.filename) {
  const result = await benchEdge()
  if (process.argv.includes('--json')) process.stdout.write(`${JSON.stringify(result)}\n`)
  else for (const [name, value] of Object.entries(result)) process.stdout.write(`${name.padEnd(28)} ${(value as number).toLocaleString('en')}\n`)
}
