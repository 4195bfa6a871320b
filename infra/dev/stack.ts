import { readdirSync } from 'node:fs'
import path from 'node:path'
import { defaultBackoff, type BackoffOptions } from '../backoff.ts'
import { loadConfig, type Config, type Connections } from '../config.ts'
import { stopRemembered } from '../pid-file.ts'
import { createSupervisor, type ChildStatus, type Supervisor } from '../supervisor.ts'
import { lockDataFolder, type DataFolderLock } from './data-folder.ts'
import { embeddedMinio } from './minio.ts'
import { embeddedMqtt } from './mqtt.ts'
import type { EmbeddedServer, Part, PartName, PartPlaces } from './part.ts'
import { createPorts } from './ports.ts'
import { embeddedPostgres } from './postgres.ts'
import { asHealth, probeDatabase, probeMqtt, probeS3, probeTemporal } from './probes.ts'
import { loadSecrets } from './secrets.ts'
import { embeddedTemporal } from './temporal.ts'

export interface StackOptions {
  dataDir: string
  /** Says which servers are somebody else's; the environment's, unless told. */
  config?: Config
  /** Where the caller has taken the data folder already; the stack frees it either way. */
  lock?: DataFolderLock
  /** Short lines for people. */
  log?: (line: string) => void
  /** Told whenever a server's state changes. */
  onChange?: () => void
  backoff?: BackoffOptions
  /** Aborted, it gives up a start under way and leaves nothing running. */
  signal?: AbortSignal
}

export interface Stack {
  dataDir: string
  connections: Connections
  /** The embedded PostgreSQL's superuser: for making and dropping databases, nothing else. */
  adminUrl?: string
  parts: Part[]
  /** How the embedded servers do. */
  status(): ChildStatus[]
  /** Sends a signal; supervision starts the server again. */
  killPart(name: PartName, signal: NodeJS.Signals): void
  /** Stops and starts an embedded server; `wipe` deletes its data in between. */
  restartPart(name: PartName, options?: { wipe?: boolean }): Promise<void>
  /** Resolves when an embedded server is ready again after it was killed. */
  whenRunning(name: PartName, timeoutMs?: number): Promise<void>
  /** Stops the embedded servers and frees the data folder. */
  stop(): Promise<void>
}

/**
 * Starts the servers that the configuration does not name, on loopback, with data in `dataDir`, and supervises them.
 * @throws Error when the data folder is in use, a port is taken, or a server does not start
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  const { dataDir, config = loadConfig(), log = () => {}, onChange = () => {}, backoff = defaultBackoff, signal } = options
  const lock = options.lock ?? lockDataFolder(dataDir)
  const supervisor = createSupervisor({ log, onChange, backoff })
  const giveUp = () => { void supervisor.stopAll() }
  signal?.addEventListener('abort', giveUp)
  try {
    signal?.throwIfAborted()
    await stopLeftovers(dataDir, log)
    return await startParts({ dataDir, config, log, supervisor, unlock: lock.release })
  } catch (error) {
    await supervisor.stopAll()
    lock.release()
    throw error
  } finally {
    // Once it runs, whoever started it decides in which order things stop.
    signal?.removeEventListener('abort', giveUp)
  }
}

/** Servers of a run that was killed; their data is in order only once they have ended. */
async function stopLeftovers(dataDir: string, log: (line: string) => void): Promise<void> {
  const dir = path.join(dataDir, 'run')
  let files: string[] = []
  try {
    files = readdirSync(dir)
  } catch {
    return
  }
  await Promise.all(files.map(async (file) => {
    const name = path.basename(file, '.pid')
    if (await stopRemembered(path.join(dir, file), name === 'postgres' ? 'SIGINT' : 'SIGTERM')) {
      log(`stopped ${name}, left over from a run that was killed`)
    }
  }))
}

interface Start {
  dataDir: string
  config: Config
  log: (line: string) => void
  supervisor: Supervisor
  unlock: () => void
}

async function startParts({ dataDir, config, log, supervisor, unlock }: Start): Promise<Stack> {
  const secrets = loadSecrets(dataDir)
  const ports = createPorts(dataDir)
  const wanted = config.embedded.ports
  const places = (name: PartName): PartPlaces => ({
    dataDir,
    logFile: path.join(dataDir, 'logs', `${name}.log`),
    pidFile: path.join(dataDir, 'run', `${name}.pid`),
  })

  // Ports one after the other: each choice is remembered before the next is made.
  const postgres = config.database ? undefined : embeddedPostgres(
    await ports.choose('postgres', wanted.postgres, 'TWINWARD_POSTGRES_PORT'), secrets, places('postgres'))
  const temporal = config.temporal ? undefined : embeddedTemporal({
    grpc: await ports.choose('temporal', wanted.temporal, 'TWINWARD_TEMPORAL_PORT'),
    ui: await ports.choose('temporalUi', wanted.temporalUi, 'TWINWARD_TEMPORAL_UI_PORT'),
  }, config.embedded.namespace, places('temporal'))
  const minio = config.s3 ? undefined : embeddedMinio(
    await ports.choose('minio', wanted.minio, 'TWINWARD_MINIO_PORT'), config.embedded, secrets, places('minio'))
  const mqtt = config.mqtt ? undefined : embeddedMqtt(
    await ports.choose('mqtt', wanted.mqtt, 'TWINWARD_MQTT_PORT'), secrets, places('mqtt'))

  const embedded: Partial<Record<PartName, EmbeddedServer<unknown>>> = {
    ...(postgres && { postgres }), ...(temporal && { temporal }), ...(minio && { minio }), ...(mqtt && { mqtt }),
  }
  const starts = await Promise.allSettled(Object.values(embedded).map(async (server) => {
    await supervisor.start(server.spec)
    await server.afterStart?.()
  }))
  const failed = starts.find((start) => start.status === 'rejected')
  if (failed) throw failed.reason

  const connections: Connections = {
    database: required(config.database ?? (postgres && {
      url: postgres.connection.url, migrationUrl: postgres.connection.migrationUrl,
    })),
    temporal: required(config.temporal ?? temporal?.connection),
    s3: required(config.s3 ?? minio?.connection),
    mqtt: required(config.mqtt ?? mqtt?.connection),
  }
  const parts = describeParts(connections, embedded)
  for (const part of parts) {
    log(`${part.name} ${part.version}, ${part.kind}, ${part.address}${part.uiUrl ? ` (Web UI ${part.uiUrl})` : ''}`)
  }

  const server = (name: PartName) => {
    const found = embedded[name]
    if (!found) throw new Error(`${name} is not embedded here`)
    return found
  }
  let stopping: Promise<void> | undefined
  return {
    dataDir,
    connections,
    ...(postgres && { adminUrl: postgres.connection.adminUrl }),
    parts,
    status: () => supervisor.status(),
    killPart(name, signal) {
      server(name)
      supervisor.kill(name, signal)
    },
    async restartPart(name, { wipe = false } = {}) {
      const chosen = server(name)
      await supervisor.restart(name, () => { if (wipe) chosen.wipe() })
      await chosen.afterStart?.()
    },
    async whenRunning(name, timeoutMs) {
      await supervisor.whenRunning(name, timeoutMs)
    },
    stop() {
      stopping ??= supervisor.stopAll().finally(unlock)
      return stopping
    },
  }
}

function describeParts(
  { database, temporal, s3, mqtt }: Connections, embedded: Partial<Record<PartName, EmbeddedServer<unknown>>>,
): Part[] {
  const describe = (name: PartName, address: string, probe: () => Promise<string>, uiUrl?: string): Part => {
    const own = embedded[name]
    return {
      name,
      kind: own ? 'embedded' : 'external',
      address: own?.address ?? address,
      version: own?.version ?? '',
      ...(uiUrl !== undefined && { uiUrl }),
      health: () => asHealth(probe),
    }
  }
  const hostOf = (url: string) => new URL(url).host
  return [
    describe('postgres', hostOf(database.url), () => probeDatabase(database)),
    describe('temporal', temporal.address, () => probeTemporal(temporal), temporal.uiUrl),
    describe('minio', s3.endpoint, () => probeS3(s3)),
    describe('mqtt', hostOf(mqtt.url), () => probeMqtt(mqtt)),
  ]
}

function required<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('a server is neither configured nor embedded')
  return value
}
