/**
 * What the door costs: batches as gateways ship them, through it (TLS 1.3, a certificate, the topics that are a gateway's own)
 * and straight to the broker, in turn; then gateways that come in, one after the other. The door is a process of its own, as
 * the platform starts it. `--json`: one object as the last line.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import mqtt, { MqttClient } from 'mqtt'
import { dialDoor } from '../../edge/identity/dial.ts'
import { certificateOf, enrol } from '../../edge/identity/enrol.ts'
import { createIdentityStore, type Identity } from '../../edge/identity/store.ts'
import { createMinioStore } from '../../registry/artifacts/minio.ts'
import { platformActor } from '../../registry/domain/access/rights.ts'
import { topics } from '../../registry/domain/contract/batch.ts'
import { createSite } from '../../registry/services/create-site.ts'
import { enrolGateway } from '../../registry/services/gateways/enrol-gateway.ts'
import { createPool } from '../../registry/store/pool.ts'
import { launch } from '../child-process.ts'
import { embeddedMqtt } from '../dev/mqtt.ts'
import { freePort } from '../dev/ports.ts'
import { loadSecrets } from '../dev/secrets.ts'
import { openAuthority } from '../gateway-ca/authority.ts'
import { tsxArgs } from '../node-child.ts'
import { startBenchDatabase } from './bench-database.ts'
import { median } from './workflow-cost.ts'

const SITE = 'bench'
const ROUNDS = 5
/** A batch of live readings, and one of a file. */
const SMALL = { bytes: 4_000, count: 4_000 }
const LARGE = { bytes: 512 * 1024, count: 200 }
const COMINGS = 200

export interface DoorBench {
  readonly smallPerSec: number
  readonly smallBarePerSec: number
  readonly smallRatio: number
  readonly largeMbPerSec: number
  readonly largeBareMbPerSec: number
  readonly largeRatio: number
  readonly doorCpuMsPerMb: number
  readonly comingsPerSec: number
}

type Publish = Pick<MqttClient, 'publishAsync' | 'endAsync'>

/** Batches a second, eight unconfirmed at a time. */
async function rate(client: Publish, topic: string, { bytes, count }: typeof SMALL): Promise<number> {
  const payload = Buffer.alloc(bytes, 7)
  let left = count
  const startedMs = performance.now()
  await Promise.all(Array.from({ length: 8 }, async () => { while (left-- > 0) await client.publishAsync(topic, payload, { qos: 1 }) }))
  return count / ((performance.now() - startedMs) / 1000)
}

async function throughDoor(identity: Identity): Promise<MqttClient> {
  const stream = await dialDoor({
    address: identity.mqtt, time: { atLeastUs: 0, nowUs: null }, own: { certificate: identity.certificate, key: identity.key },
    authorities: identity.authorities.flatMap((pem) => certificateOf(pem) ?? []),
  })
  const client = new MqttClient(() => stream, { clientId: `twinward-${identity.gateway}-${'0'.repeat(16)}`, clean: true, protocolVersion: 4, reconnectPeriod: 0 })
  await new Promise<void>((resolve, reject) => {
    client.once('connect', () => { resolve() })
    client.once('error', reject)
  })
  return client
}

/** CPU of a process so far, ms; Linux. */
function cpuMs({ pid }: ChildProcess): number {
  const stat = readFileSync(`/proc/${String(pid)}/stat`, 'utf8')
  // proc_pid_stat(5): utime and stime, in hundredths of a second.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10
}

export async function benchDoor(): Promise<DoorBench> {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'twinward-bench-door-'))
  const database = await startBenchDatabase(directory)
  const broker = embeddedMqtt(await freePort(), loadSecrets(directory), { dataDir: directory, logFile: path.join(directory, 'broker.log'), pidFile: path.join(directory, 'broker.pid') })
  const running = await launch(broker.spec)
  await running.ready
  const { url, username = '', password = '' } = broker.connection
  const s3 = { endpoint: 'http://127.0.0.1:9', region: 'us-east-1', accessKey: 'none', secretKey: 'none', bucketPrefix: 'bench' }
  const [port, mqttPort] = [await freePort(), await freePort()]
  const nowUs = () => Date.now() * 1000
  const authority = await openAuthority({ dataDir: directory, nowUs })
  const door = fork(path.join(import.meta.dirname, '../bin/door.ts'), {
    execArgv: tsxArgs(),
    env: {
      PATH: process.env['PATH'], TWINWARD_DATA_DIR: directory, LOG_LEVEL: 'warn', DATABASE_URL: database.url, MQTT_URL: url, MQTT_USERNAME: username, MQTT_PASSWORD: password, TEMPORAL_ADDRESS: '127.0.0.1:9',
      S3_ENDPOINT: s3.endpoint, S3_ACCESS_KEY: s3.accessKey, S3_SECRET_KEY: s3.secretKey, TWINWARD_DOOR_HOST: '127.0.0.1', TWINWARD_DOOR_NAME: '127.0.0.1', TWINWARD_DOOR_PORT: String(port), TWINWARD_DOOR_MQTT_PORT: String(mqttPort),
    },
  })
  const ended = once(door, 'exit')
  const pool = createPool(database.url, { max: 2, applicationName: 'twinward-bench' })
  try {
    await Promise.race([once(door, 'message'), ended.then(([code]) => { throw new Error(`the door ended with ${String(code)}`) })])
    const ctx = { pool, objects: createMinioStore(s3), nowUs }
    const actor = platformActor('bench')
    await createSite(ctx, actor, { id: SITE, name: SITE, timeZone: 'UTC', kind: 'plant' })
    const { token } = await enrolGateway({ ...ctx, door: { address: `127.0.0.1:${port}`, pins: authority.pins } }, actor, { site: SITE, gateway: 'gw-1', validHours: 1 })
    const identity = await enrol(createIdentityStore(path.join(directory, 'box', 'identity'), null), { token, site: SITE, gateway: 'gw-1' })
    return await measure(identity, door, () => mqtt.connectAsync(url, { username, password, protocolVersion: 4 }))
  } finally {
    door.kill('SIGTERM')
    await ended
    await pool.end()
    await running.stop()
    await database.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

async function measure(identity: Identity, door: ChildProcess, straight: () => Promise<MqttClient>): Promise<DoorBench> {
  const topic = topics.batch(SITE, 'gw-1')
  const near = await throughDoor(identity)
  const bare = await straight()
  const rates = { small: [] as number[], smallBare: [] as number[], large: [] as number[], largeBare: [] as number[] }
  for (const client of [near, bare]) await rate(client, topic, { bytes: SMALL.bytes, count: 500 })
  let doorMs = 0
  for (let i = 0; i < ROUNDS; i++) {
    // In turn: a machine whose speed drifts drifts for both.
    rates.smallBare.push(await rate(bare, topic, SMALL))
    rates.small.push(await rate(near, topic, SMALL))
    rates.largeBare.push(await rate(bare, topic, LARGE))
    const before = cpuMs(door)
    rates.large.push(await rate(near, topic, LARGE))
    doorMs += cpuMs(door) - before
  }
  await near.endAsync()
  await bare.endAsync()
  const startedMs = performance.now()
  for (let i = 0; i < COMINGS; i++) await (await throughDoor(identity)).endAsync()
  const comingsPerSec = COMINGS / ((performance.now() - startedMs) / 1000)
  const ratio = (above: readonly number[], below: readonly number[]) => Math.round(median(above.map((value, i) => value / (below[i] ?? NaN))) * 1000) / 1000
  const mb = LARGE.bytes / 1e6
  return {
    smallPerSec: Math.round(median(rates.small)), smallBarePerSec: Math.round(median(rates.smallBare)), smallRatio: ratio(rates.small, rates.smallBare),
    largeMbPerSec: Math.round(median(rates.large) * mb), largeBareMbPerSec: Math.round(median(rates.largeBare) * mb), largeRatio: ratio(rates.large, rates.largeBare),
    doorCpuMsPerMb: Math.round((doorMs / (ROUNDS * LARGE.count * mb)) * 100) / 100, comingsPerSec: Math.round(comingsPerSec),
  }
}

if (process.argv[1] !== undefined && path.resolve(process.argv[1]) === import.meta.filename) {
  const result = await benchDoor()
  if (process.argv.includes('--json')) process.stdout.write(`${JSON.stringify(result)}\n`)
  else for (const [name, value] of Object.entries(result)) process.stdout.write(`${name.padEnd(20)} ${(value as number).toLocaleString('en')}\n`)
  process.exit()
}
