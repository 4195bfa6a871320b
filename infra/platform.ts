import { readFileSync } from 'node:fs'
import path from 'node:path'
import { migrate } from '../registry/store/migrate.ts'
import { defaultBackoff, type BackoffOptions } from './backoff.ts'
import { holdFolder } from './build/kept-folder.mjs'
import { buildConsole } from './build/console.ts'
import { bundlePrograms } from './build/programs.mjs'
import type { ChildSpec } from './child-process.ts'
import { connectionsToEnv, variableNames, type Config, type Connections } from './config.ts'
import { lockDataFolder } from './dev/data-folder.ts'
import { freePort, isFree, PortTakenError } from './dev/ports.ts'
import { startStack, type Stack } from './dev/stack.ts'
import { childArgs, ownBundle } from './node-child.ts'
import { root } from './setup/paths.mjs'
import type { PlatformStatus } from './status-file.ts'
import { publishStatus, type StatusPublisher } from './status.ts'
import { createSupervisor, type ChildStatus, type Supervisor } from './supervisor.ts'

export interface PlatformProcess {
  name: string
  /** Path from the clone's top. */
  file: string
  /** 2: takes work in, stops first. 1: does the work. Servers are stage 0. */
  stage: 1 | 2
  /** Options of node itself. */
  nodeOptions?: readonly string[]
}

/**
 * What batches leave behind lives for milliseconds, but longer than V8's default of 16 MB of young objects takes to fill:
 * it would be copied again and again, and then collected as old. And what lives on, modules and code above all, is the same
 * after each collection: looked through again when the heap has grown to three times it, not to half as much more. Measured:
 * a tenth of the worker's CPU, and another, and a third of the landing's; 35 MB more of the landing's memory.
 */
const manyShortLived = ['--max-semi-space-size=64', '--heap-growing-percent=200']

/** What runs beside the servers. Each is one program, so that a crash of one leaves the others at work. */
export const platformProcesses: readonly PlatformProcess[] = [
  { name: 'door', file: 'infra/bin/door.ts', stage: 2 },
  { name: 'landing', file: 'infra/bin/landing.ts', stage: 2, nodeOptions: manyShortLived },
  { name: 'keeper', file: 'infra/bin/keeper.ts', stage: 1 },
  { name: 'worker', file: 'infra/bin/worker.ts', stage: 1, nodeOptions: manyShortLived },
  { name: 'trainer', file: 'infra/bin/trainer.ts', stage: 1 },
  { name: 'api', file: 'infra/bin/api.ts', stage: 2 },
]

export interface PlatformOptions {
  config: Config
  /** Short lines for people. */
  log: (line: string) => void
  /** All of them, unless told. */
  processes?: readonly PlatformProcess[]
  /** How long what ended by itself waits to be started again; the supervisor's own waits, unless told. */
  restarts?: BackoffOptions
  /** Aborted, it gives up a start under way, leaves nothing running, and rejects. */
  signal?: AbortSignal
}

export interface Platform {
  connections: Connections
  stack: Stack
  /** Where API and console answer. */
  url: string
  adminKeyFile: string
  status: () => PlatformStatus
  /** Sends a signal to one of our processes; supervision starts it again. */
  kill: (name: string, signal: NodeJS.Signals) => void
  restart: (name: string) => Promise<ChildStatus>
  /** Resolves when one of our processes is ready, at once if it is. */
  whenRunning: (name: string, timeoutMs?: number) => Promise<ChildStatus>
  /** Stops everything in order, within 10 s; the data stays. */
  stop: () => Promise<void>
}

/**
 * Starts the whole platform: servers, migrations, then our own processes, all supervised. `npm start`, the demo and the
 * tests use this very function.
 * @throws Error naming what did not start and the cure, with nothing left running
 */
export async function startPlatform(options: PlatformOptions): Promise<Platform> {
  const { config, log, processes = platformProcesses, restarts: backoff = defaultBackoff, signal } = options
  // Before the port is looked at: on the same folder it is the running platform that has it.
  const lock = lockDataFolder(config.dataDir)
  const ports = await choosePorts(config).catch((error: unknown) => {
    lock.release()
    throw error
  })
  const url = `http://${reachableHost(config.host)}:${ports.api}`
  let publisher: StatusPublisher | undefined
  const onChange = () => { publisher?.touch() }

  const stack = await startStack({ dataDir: config.dataDir, config, lock, log, onChange, backoff, ...(signal && { signal }) })
  const supervisor = createSupervisor({ log, onChange, backoff })
  const stop = once(async () => {
    await supervisor.stopAll()
    await stack.stop()
    publisher?.close()
  })
  signal?.addEventListener('abort', () => { void stop() })
  try {
    signal?.throwIfAborted()
    const applied = await migrateAloud(stack.connections.database.migrationUrl, log)
    if (applied.length > 0) log(`database brought up to date: ${applied.join(', ')}`)
    publisher = publishStatus(config.dataDir, url, version(), stack, () => supervisor.status())
    const built = await build()
    await startProcesses({ config, ports, built, stack, supervisor, processes, log })
  } catch (error) {
    await stop()
    throw error
  }
  return {
    connections: stack.connections,
    stack,
    url,
    adminKeyFile: path.join(config.dataDir, 'admin-key'),
    status: publisher.current,
    kill: supervisor.kill,
    restart: supervisor.restart,
    whenRunning: supervisor.whenRunning,
    stop,
  }
}

const SILENCE_MS = 3000

/** Says which change of the database it is at where one takes longer than a start should: it writes a large table anew. */
async function migrateAloud(url: string, log: (line: string) => void): Promise<string[]> {
  let timer: NodeJS.Timeout | undefined
  const say = (name: string) => {
    clearInterval(timer)
    const began = Date.now()
    timer = setInterval(() => { log(`bringing the database up to date: ${name}, ${Math.round((Date.now() - began) / 1000)} s …`) }, SILENCE_MS)
  }
  try {
    return (await migrate(url, undefined, say)).applied
  } finally {
    clearInterval(timer)
  }
}

/** Folders. */
interface Built {
  programs: string
  console: string
}

interface ProcessStart {
  config: Config
  ports: Ports
  built: Built
  stack: Stack
  supervisor: Supervisor
  processes: readonly PlatformProcess[]
  log: (line: string) => void
}

/** What our processes run and serve: made of the sources as they are now, and there as long as this process lives. */
async function build(): Promise<Built> {
  const [programs, console] = await Promise.all([ownBundle ?? bundlePrograms(), buildConsole()])
  for (const folder of [programs, console]) holdFolder(folder)
  return { programs, console }
}

async function startProcesses({ config, ports, built, stack, supervisor, processes, log }: ProcessStart): Promise<void> {
  const env = childEnv(config, ports, stack.connections)
  const started = await Promise.allSettled(processes.map(async ({ name, file, stage, nodeOptions = [] }) => {
    const spec: ChildSpec = {
      name,
      command: process.execPath,
      args: [...nodeOptions, ...childArgs(file, built.programs), ...(name === 'api' ? [built.console] : [])],
      env,
      stage,
      ready: 'message',
      // The first start compiles the workflows and loads TensorFlow, all at once on perhaps two cores.
      readyTimeoutMs: 120_000,
      graceMs: stage === 2 ? 2_000 : 3_000,
      logFile: path.join(config.dataDir, 'logs', `${name}.log`),
      pidFile: path.join(config.dataDir, 'run', `${name}.pid`),
    }
    const { address } = await supervisor.start(spec)
    log(`${name} is ready${address === undefined ? '' : `, ${address}`}`)
  }))
  const failed = started.find((result) => result.status === 'rejected')
  if (failed) throw failed.reason
}

/** Ours from the resolved connections, the rest as it is. The role that owns the tables stays with this process. */
function childEnv(config: Config, ports: Ports, connections: Connections): NodeJS.ProcessEnv {
  const inherited = { ...process.env }
  for (const name of variableNames) delete inherited[name]
  return {
    ...inherited,
    ...connectionsToEnv(connections),
    TWINWARD_DATA_DIR: config.dataDir,
    TWINWARD_CACHE: config.cacheDir,
    TWINWARD_HOST: config.host,
    TWINWARD_PORT: String(ports.api),
    TWINWARD_DOOR_HOST: config.door.host,
    TWINWARD_DOOR_NAME: config.door.name,
    TWINWARD_DOOR_PORT: String(ports.door),
    TWINWARD_DOOR_MQTT_PORT: String(ports.doorMqtt),
    ...(config.door.authority && { TWINWARD_GATEWAY_CA_CERT: config.door.authority.certificateFile, TWINWARD_GATEWAY_CA_KEY: config.door.authority.keyFile }),
    TWINWARD_METRICS_OPEN: String(config.metricsOpen),
    LOG_LEVEL: config.logLevel,
  }
}

interface Ports { readonly api: number; readonly door: number; readonly doorMqtt: number }

async function choosePorts({ host, port, door }: Config): Promise<Ports> {
  return {
    api: await choosePort(host, port, 'TWINWARD_PORT'),
    door: await choosePort(door.host, door.port, 'TWINWARD_DOOR_PORT'),
    doorMqtt: await choosePort(door.host, door.mqttPort, 'TWINWARD_DOOR_MQTT_PORT'),
  }
}

async function choosePort(host: string, port: number, variable: string): Promise<number> {
  if (port === 0) return freePort(host)
  if (!await isFree(port, host)) throw new PortTakenError(port, variable, host)
  return port
}

/** An address that listens everywhere is reached from here by loopback. */
function reachableHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  if (host === '::') return '[::1]'
  return host.includes(':') ? `[${host}]` : host
}

function version(): string {
  return (JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { version: string }).version
}

function once(work: () => Promise<void>): () => Promise<void> {
  let result: Promise<void> | undefined
  return () => (result ??= work())
}
