import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import pg from 'pg'
import { refuse } from '../domain/errors.ts'

const FOLDER = path.join(import.meta.dirname, 'migrations')
const FILE_NAME = /^\d{4}_[a-z0-9_]+\.sql$/

/** Any number, as long as it is ours: two processes that migrate one database wait for each other on it. */
const LOCK_KEY = 7_419_083_220

interface Migration { readonly name: string; readonly sql: string; readonly digest: string }
interface Applied { readonly name: string; readonly digest: string }

/**
 * Brings the database at `url` to this program's schema, file by file, each in a transaction of its own. Safe to run
 * twice and from several processes at once.
 *
 * The login must be the tables' owner and not a superuser, whom row-level security does not bind. Refuses `conflict`
 * when an applied file was changed since, `stale_state` when the database is newer than this program, `forbidden` for
 * a superuser, `unprocessable` when role twinward_app is missing. `onApply` hears of each file before it is applied: one
 * that writes a large table anew takes minutes.
 */
export async function migrate(url: string, folder: string = FOLDER, onApply: (name: string) => void = () => undefined): Promise<{ applied: string[] }> {
  const migrations = await readMigrations(folder)
  const client = new pg.Client({ connectionString: url, application_name: 'twinward-migrate', options: '-c timezone=UTC', connectionTimeoutMillis: 10_000 })
  await client.connect()
  try {
    // The functions of the schema pin the search path they were created under, so it must not depend on the login.
    await client.query("set search_path = public; set client_min_messages = warning; set lock_timeout = '60s'")
    await checkRoles(client)
    await client.query('select pg_advisory_lock($1)', [LOCK_KEY])
    const done = await readApplied(client)
    checkHistory(migrations, done)
    const applied: string[] = []
    for (const migration of migrations.slice(done.length)) {
      onApply(migration.name)
      await apply(client, migration)
      applied.push(migration.name)
    }
    return { applied }
  } finally {
    // Ends the session, and with it the advisory lock.
    await client.end()
  }
}

async function readMigrations(folder: string): Promise<Migration[]> {
  const names = (await readdir(folder)).filter((name) => FILE_NAME.test(name)).sort()
  return Promise.all(names.map(async (name) => {
    const sql = await readFile(path.join(folder, name), 'utf8')
    return { name, sql, digest: createHash('sha256').update(sql).digest('hex') }
  }))
}

async function checkRoles(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ login: string; superuser: boolean; app: boolean }>(
    `select current_user::text as login, rolsuper as superuser, to_regrole('twinward_app') is not null as app
       from pg_roles where rolname = current_user`)
  const role = rows[0]
  if (!role) throw new Error('the current role is not in pg_roles')
  if (role.superuser) {
    refuse('forbidden', `The schema must not belong to the superuser ${role.login}, whom row-level security does not bind: `
      + 'create a role of its own for the tables and name it in DATABASE_MIGRATION_URL.')
  }
  if (!role.app) {
    refuse('unprocessable', 'Role twinward_app is missing. As a superuser run: create role twinward_app nologin; '
      + 'then grant it to the login in DATABASE_URL: grant twinward_app to <login>;')
  }
}

async function readApplied(client: pg.Client): Promise<Applied[]> {
  await client.query(`create table if not exists schema_migration (
    name text primary key, digest text not null, applied_at timestamptz not null default now())`)
  await client.query('revoke all on schema_migration from public; grant select on schema_migration to twinward_app')
  const { rows } = await client.query<Applied>('select name, digest from schema_migration order by name')
  return rows
}

/** What was applied must be the beginning of what this program brings, byte for byte. */
function checkHistory(migrations: readonly Migration[], done: readonly Applied[]): void {
  const known = new Map(migrations.map((migration) => [migration.name, migration.digest]))
  for (const { name, digest } of done) {
    const ours = known.get(name)
    if (ours === undefined) {
      refuse('stale_state', `The database holds migration ${name}, which this program does not know: it is newer. `
        + 'Run the version that made it, or restore a backup from before it.', { migration: name })
    }
    if (ours !== digest) {
      refuse('conflict', `Migration ${name} was changed after it had been applied to this database. Restore the file, `
        + 'and put the change into a new one with the next number.', { migration: name })
    }
  }
  const missing = migrations.slice(0, done.length).find((migration, i) => migration.name !== done[i]?.name)
  if (missing) {
    refuse('conflict', `Migration ${missing.name} is numbered before one that is already applied (${done.at(-1)?.name}). `
      + 'Give it the next number.', { migration: missing.name })
  }
}

async function apply(client: pg.Client, { name, sql, digest }: Migration): Promise<void> {
  await client.query('begin')
  try {
    await client.query(sql)
    await client.query('insert into schema_migration (name, digest) values ($1, $2)', [name, digest])
    await client.query('commit')
  } catch (error) {
    await client.query('rollback').catch(() => undefined)
    throw new Error(`migration ${name} failed: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}
