/**
 * How fast one gateway is: connector → durable buffer → MQTT → acknowledged, with a receiver that acknowledges at once,
 * beside the buffer's bare durable writes and bare MQTT publishing of as many bytes. The gateway runs by a plan, with
 * units and checks, in a process of its own. `--json`: one object as the last line. Ends with 1 when the gateway held
 * more anonymous memory than it may.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { connectAsync } from 'mqtt'
import { createTrustedKeys } from '../../edge/judge/trusted-keys.ts'
import { bundleEdge } from '../build/edge-bundle.ts'
import { launch } from '../child-process.ts'
import type { MqttConnection } from '../config.ts'
import { embeddedMqtt } from '../dev/mqtt.ts'
import { freePort } from '../dev/ports.ts'
import { loadSecrets } from '../dev/secrets.ts'
import { endWithParent, tsxArgs } from '../node-child.ts'
import { benchBundle } from './bench-bundle.ts'
import { bareWritesPerSec, depthRatio } from './edge-buffer.ts'
import type { GatewayMessage, GatewayTask } from './edge-gateway.ts'
import { benchSite, readingsOf, type EdgeLoad } from './edge-load.ts'

/** Readings taken up by files and histories: blocks of 10,000. */
const BLOCKS: EdgeLoad = { machines: 1, roundsAtOnce: 100, rounds: 30_000 }
/** Readings as live machines give them, one of each tag at a time: 25 machines, and a single one, which waits for the disk each time. */
const LIVE: EdgeLoad = { machines: 25, roundsAtOnce: 1, rounds: 1_200 }
const LIVE_ALONE: EdgeLoad = { machines: 1, roundsAtOnce: 1, rounds: 1_000 }
/** What waits after a long outage: 10 million readings in 100,000 entries. */
const DEEP: EdgeLoad = { machines: 25, roundsAtOnce: 1, rounds: 4_000 }
const NOTHING: EdgeLoad = { machines: 25, roundsAtOnce: 1, rounds: 0 }

const MOST_ANON_MB = 256

export interface EdgeBench {
  readonly gatewayReadingsPerSec: number
  readonly gatewayReadingsPerCpuSec: number
  readonly liveReadingsPerSec: number
  readonly liveReadingsPerCpuSec: number
  readonly judgedReadingsPerSec: number
  readonly judgedReadingsPerCpuSec: number
  readonly oneMachineReadingsPerSec: number
  readonly bufferBareReadingsPerSec: number
  readonly bufferDepthRatio: number
  readonly mqttBareReadingsPerSec: number
  readonly restartToFirstBatchMs: number
  readonly restartToFirstBatchCpuMs: number
  readonly drainReadingsPerSec: number
  readonly rssAnonMb: number
  readonly rssMb: number
}

interface GatewayRun {
  readonly readingsPerSec: number
  readonly readingsPerCpuSec: number
  /** From the start of the process to the first batch acknowledged, and the CPU time of it. */
  readonly first: { readonly ms: number; readonly cpuMs: number }
  readonly rssAnonMb: number
  readonly rssMb: number
}

interface Stage {
  readonly directory: string
  readonly mqtt: MqttConnection
  readonly run: (what: GatewayTask['what'], load: EdgeLoad, directory: string, counted?: number) => Promise<GatewayRun>
}

export async function benchEdge(): Promise<EdgeBench> {
  return onStage(async ({ directory, mqtt, run }) => {
    const blocks = await run('ship', BLOCKS, path.join(directory, 'blocks'))
    const live = await run('ship', LIVE, path.join(directory, 'live'))
    const judgedFolder = path.join(directory, 'judged')
    installRelease(judgedFolder, LIVE)
    const judged = await run('ship', LIVE, judgedFolder)
    const alone = await run('ship', LIVE_ALONE, path.join(directory, 'alone'))
    const deep = path.join(directory, 'deep')
    const filled = await run('fill', DEEP, deep)
    const bufferDepthRatio = await depthRatio(deep, path.join(directory, 'shallow'))
    const drained = await run('drain', NOTHING, deep, readingsOf(DEEP))
    const runs = [blocks, live, judged, alone, filled, drained]
    return {
      gatewayReadingsPerSec: blocks.readingsPerSec,
      gatewayReadingsPerCpuSec: blocks.readingsPerCpuSec,
      liveReadingsPerSec: live.readingsPerSec,
      liveReadingsPerCpuSec: live.readingsPerCpuSec,
      judgedReadingsPerSec: judged.readingsPerSec,
      judgedReadingsPerCpuSec: judged.readingsPerCpuSec,
      oneMachineReadingsPerSec: alone.readingsPerSec,
      bufferBareReadingsPerSec: await bareWritesPerSec(path.join(directory, 'bare'), readingsOf(BLOCKS)),
      bufferDepthRatio,
      mqttBareReadingsPerSec: await bareMqttPerSec(mqtt, readingsOf(BLOCKS)),
      restartToFirstBatchMs: drained.first.ms,
      restartToFirstBatchCpuMs: drained.first.cpuMs,
      drainReadingsPerSec: drained.readingsPerSec,
      rssAnonMb: Math.max(...runs.map(({ rssAnonMb }) => rssAnonMb)),
      rssMb: Math.max(...runs.map(({ rssMb }) => rssMb)),
    }
  })
}

/** Readings a second from a source to acknowledged, for the bench of the whole platform. */
export async function gatewayRate(): Promise<number> {
  return onStage(async ({ directory, run }) => (await run('ship', BLOCKS, path.join(directory, 'blocks'))).readingsPerSec)
}

/** A release that judges every machine of the load by ten of its tags, a minute of readings anew every second. */
function installRelease(directory: string, { machines }: EdgeLoad): void {
  const { bytes, publicKey } = benchBundle({ site: benchSite.site, assets: Array.from({ length: machines }, (_, i) => `machine-${i + 1}`), tagOf: (asset, role) => `${asset}/tag-${role}` })
  const folder = path.join(directory, 'judge')
  createTrustedKeys(path.join(folder, 'keys')).trust(publicKey)
  mkdirSync(path.join(folder, 'bundles'), { recursive: true })
  writeFileSync(path.join(folder, 'bundles', 'bench.twb'), bytes)
}

/** A broker, and a receiver in a process of its own that acknowledges whatever comes. */
async function onStage<T>(body: (stage: Stage) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'twinward-bench-edge-'))
  const broker = embeddedMqtt(await freePort(), loadSecrets(directory), { dataDir: directory, logFile: path.join(directory, 'broker.log'), pidFile: path.join(directory, 'broker.pid') })
  const running = await launch(broker.spec)
  const mqtt = broker.connection
  const receiver = fork(path.join(import.meta.dirname, 'edge-receiver.ts'), {
    execArgv: tsxArgs(), env: { PATH: process.env['PATH'], MQTT_URL: mqtt.url, MQTT_USERNAME: mqtt.username, MQTT_PASSWORD: mqtt.password },
  })
  const ended = once(receiver, 'exit')
  try {
    await running.ready
    await Promise.race([once(receiver, 'message'), ended.then(([code]) => { throw new Error(`the receiver ended with ${String(code)}`) })])
    const deployed = path.join(directory, 'deployed')
    await bundleEdge(deployed, 'bench', 'infra/bench/edge-gateway.ts')
    const nowhere = { ...mqtt, url: `mqtt://127.0.0.1:${await freePort()}` }
    return await body({
      directory, mqtt,
      run: (what, load, folder, counted = readingsOf(load)) => runGateway(deployed, { what, directory: folder, mqtt: what === 'fill' ? nowhere : mqtt, load }, counted),
    })
  } finally {
    receiver.kill('SIGTERM')
    await ended
    await running.stop()
    rmSync(directory, { recursive: true })
  }
}

async function runGateway(deployed: string, task: GatewayTask, counted: number): Promise<GatewayRun> {
  const startedMs = performance.now()
  const child = fork(path.join(deployed, 'twinward-edge.mjs'), [JSON.stringify(task)], { execArgv: endWithParent })
  let first = { ms: NaN, cpuMs: NaN }
  child.on('message', (message: GatewayMessage) => { if (message.type === 'first-acknowledged') first = { ms: Math.round(performance.now() - startedMs), cpuMs: Math.round(message.cpuMs) } })
  const { seconds, cpuSeconds, rssAnonMb, rssMb } = await outcomeOf(child)
  return { readingsPerSec: Math.round(counted / seconds), readingsPerCpuSec: Math.round(counted / cpuSeconds), first, rssAnonMb, rssMb }
}

function outcomeOf(child: ChildProcess): Promise<Extract<GatewayMessage, { type: 'done' }>> {
  return new Promise((resolve, reject) => {
    child.on('message', (message: GatewayMessage) => { if (message.type === 'done') resolve(message) })
    child.once('exit', (code, signal) => { reject(new Error(`the gateway ended before its work was done (${signal ?? code ?? 'no code'})`)) })
  })
}

const BATCH = 50_000
/** What a reading takes in a batch, at most. */
const BYTES_A_READING = 36

/** As many bytes a reading as a batch has, QoS 1, eight at once. */
async function bareMqttPerSec({ url, ...user }: MqttConnection, readings: number): Promise<number> {
  const client = await connectAsync(url, { ...user, protocolVersion: 4 })
  const payload = Buffer.alloc(BATCH * BYTES_A_READING)
  let left = readings / BATCH
  const publish = async () => { while (left-- > 0) await client.publishAsync('bench/bare', payload, { qos: 1 }) }
  const startedMs = performance.now()
  await Promise.all(Array.from({ length: 8 }, publish))
  const seconds = (performance.now() - startedMs) / 1000
  await client.endAsync()
  return Math.round(readings / seconds)
}

if (process.argv[1] !== undefined && path.resolve(process.argv[1]) === import.meta.filename) {
  const result = await benchEdge()
  if (process.argv.includes('--json')) process.stdout.write(`${JSON.stringify(result)}\n`)
  else for (const [name, value] of Object.entries(result)) process.stdout.write(`${name.padEnd(28)} ${(value as number).toLocaleString('en')}\n`)
  if (result.rssAnonMb > MOST_ANON_MB) {
    process.stderr.write(`The gateway held ${result.rssAnonMb} MB of anonymous memory; it may hold ${MOST_ANON_MB}.\n`)
    process.exitCode = 1
  }
}
