import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import pg from 'pg'
import { createApiClient, type ApiClient } from '../../infra/cli/api-client.ts'
import { loadConfig } from '../../infra/config.ts'
import { waitFor } from '../../infra/demo/wait.ts'
import { startPlatform, type Platform, type PlatformOptions } from '../../infra/platform.ts'

/** A whole platform of a test's own, on real servers, with free ports and data in a folder that goes with it. */
export interface TestPlatform {
  readonly dir: string
  readonly platform: Platform
  readonly admin: ApiClient
  /** The admin key itself, for what speaks HTTP by hand. */
  readonly adminKey: string
  /** For a child that is to find this platform and nothing of the developer's. */
  readonly env: NodeJS.ProcessEnv
  /** Past row-level security: a test's own look at what is stored. */
  sql<Row extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<Row[]>
  /** Stops the processes; the data stays. */
  halt(): Promise<void>
  /** Stops the processes and deletes the data. */
  stop(): Promise<void>
}

/** Variables that name servers are left out: tests keep away from a developer's real ones. */
export function platformEnv(dir: string): NodeJS.ProcessEnv {
  const kept = ['PATH', 'HOME', 'XDG_CACHE_HOME', 'TWINWARD_CACHE', 'LANG', 'TMPDIR']
  return {
    ...Object.fromEntries(kept.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]]))),
    TWINWARD_DATA_DIR: dir, TWINWARD_PORT: '0', LOG_LEVEL: 'warn',
  }
}

export const freshDataDir = (): Promise<string> => mkdtemp(path.join(tmpdir(), 'twinward-e2e-'))

export async function startTestPlatform(options: Pick<PlatformOptions, 'restarts'> = {}): Promise<TestPlatform> {
  const dir = await freshDataDir()
  const env = platformEnv(dir)
  const platform = await startPlatform({ config: loadConfig(env), log: () => undefined, ...options }).catch(async (error: unknown) => {
    await rm(dir, { recursive: true, force: true })
    throw error
  })
  const adminKey = (await readFile(platform.adminKeyFile, 'utf8')).trim()
  const pool = createAdminPool(() => platform.stack.adminUrl)
  const halt = async () => {
    await pool.end()
    await platform.stop()
  }
  return {
    dir, platform, adminKey, env, admin: createApiClient(platform.url, adminKey), sql: pool.sql, halt,
    async stop() {
      await halt()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

/** The superuser's view of the platform's database; connects anew when PostgreSQL was restarted. */
function createAdminPool(adminUrl: () => string | undefined) {
  let pool: pg.Pool | undefined
  const open = () => {
    const url = new URL(adminUrl() ?? 'postgres://nowhere')
    url.pathname = '/twinward'
    const opened = new pg.Pool({ connectionString: url.href, max: 2 })
    opened.on('error', () => undefined)
    return opened
  }
  return {
    sql: async <Row extends pg.QueryResultRow>(text: string, values: unknown[] = []) => ((await (pool ??= open()).query<Row>(text, values)).rows),
    end: async () => { await pool?.end() },
  }
}

/** Every batch of a site has its outcome, and its windows are closed. */
export async function settled({ sql }: Pick<TestPlatform, 'sql'>, site: string, batches: number, limitMs = 90_000): Promise<void> {
  await waitFor(`${batches} batches of ${site} to be settled`, async () => {
    const [row] = await sql<{ n: number }>(
      `select count(*)::int as n from raw_batch where site_id = $1 and (state = 'quarantined' or windows_closed_at is not null)`, [site])
    return row!.n >= batches
  }, limitMs, 100)
}
