import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { appendFile, cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, it } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import pg from 'pg'
import { DomainError } from '../../../registry/domain/errors.ts'
import { migrate } from '../../../registry/store/migrate.ts'
import { freshDatabase, useStack, type TestDatabase } from '../../helpers/stack.ts'

const FOLDER = path.join(import.meta.dirname, '../../../registry/store/migrations')

const SEED = 'rows-of-'
const seeds = readdirSync(import.meta.dirname).filter((name) => name.startsWith(SEED)).sort()

/** By table, all there is in the tables that hold anything; partitions by their parent. */
async function everyRow(client: pg.Client): Promise<Map<string, Record<string, unknown>[]>> {
  const { rows: tables } = await client.query<{ name: string }>(
    `select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition and relname <> 'schema_migration'`)
  const all = new Map<string, Record<string, unknown>[]>()
  for (const { name } of tables) {
    const { rows } = await client.query<{ row: Record<string, unknown> }>(`select to_jsonb(t) as row from ${name} t`)
    if (rows.length > 0) all.set(name, rows.map(({ row }) => row))
  }
  return all
}

/** An empty database and a copy of the migrations that the test may change. */
const using = (body: (database: TestDatabase, folder: string) => Promise<void>) => async (): Promise<void> => {
  const database = await freshDatabase(await useStack(), { migrated: false })
  const folder = await mkdtemp(path.join(tmpdir(), 'twinward-migrations-'))
  try {
    await cp(FOLDER, folder, { recursive: true })
    await body(database, folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
    await database.drop()
  }
}

const refused = (code: string, text: RegExp) => (error: unknown): boolean => error instanceof DomainError && error.code === code && text.test(error.message)

describe('migrations', () => {
  it('bring an empty database up to date once, also from two processes at once', using(async ({ migrationUrl }, folder) => {
    const files = (await readdir(folder)).filter((name) => name.endsWith('.sql')).sort()
    const runs = await Promise.all([migrate(migrationUrl, folder), migrate(migrationUrl, folder), migrate(migrationUrl, folder)])
    assert.deepEqual(runs.map(({ applied }) => applied.length).sort((a, b) => a - b), [0, 0, files.length])
    assert.deepEqual(await migrate(migrationUrl, folder), { applied: [] })
  }))

  it('apply what is new, and undo a file that fails', using(async ({ migrationUrl }, folder) => {
    await migrate(migrationUrl, folder)
    const file = path.join(folder, '9000_more.sql')
    await writeFile(file, 'create table half (id integer); select no_such_function();')
    await assert.rejects(migrate(migrationUrl, folder), /9000_more\.sql failed: .*no_such_function/)
    await writeFile(file, 'create table half (id integer);')
    const heard: string[] = []
    assert.deepEqual(await migrate(migrationUrl, folder, (name) => heard.push(name)), { applied: ['9000_more.sql'] })
    assert.deepEqual(heard, ['9000_more.sql'])
  }))

  it('refuse a history that is not theirs', using(async ({ migrationUrl }, folder) => {
    await writeFile(path.join(folder, '9000_more.sql'), 'select 1;')
    await migrate(migrationUrl, folder)
    await assert.rejects(migrate(migrationUrl), refused('stale_state', /9000_more\.sql.*newer/))
    await writeFile(path.join(folder, '8000_between.sql'), 'select 1;')
    await assert.rejects(migrate(migrationUrl, folder), refused('conflict', /8000_between\.sql is numbered before/))
    await rm(path.join(folder, '8000_between.sql'))
    await appendFile(path.join(folder, '9000_more.sql'), '-- changed')
    await assert.rejects(migrate(migrationUrl, folder), refused('conflict', /9000_more\.sql was changed/))
  }))

  for (const file of seeds) {
    const version = file.slice(SEED.length, -'.sql'.length)
    it(`carry over every row that version ${version} had`, using(async ({ migrationUrl, adminUrl }, folder) => {
      for (const name of await readdir(folder)) if (name.slice(0, 4) > version) await rm(path.join(folder, name))
      await migrate(migrationUrl, folder)
      const client = new pg.Client({ connectionString: adminUrl, options: '-c timezone=UTC' })
      await client.connect()
      try {
        await client.query(await readFile(path.join(import.meta.dirname, file), 'utf8'))
        const before = await everyRow(client)
        assert.ok(before.size > 25, 'a seed fills most tables')
        await migrate(migrationUrl)
        const after = await everyRow(client)
        for (const [table, rows] of before) {
          // A column may be new; what stood in those there were must stand there still.
          for (const row of rows) assert.ok(after.get(table)?.some((other) => Object.entries(row).every(([key, value]) => isDeepStrictEqual(other[key], value))), `${table}: ${JSON.stringify(row)}`)
        }
      } finally {
        await client.end()
      }
    }))
  }

  it('refuse a superuser', using(async ({ adminUrl }, folder) => {
    await assert.rejects(migrate(adminUrl, folder), refused('forbidden', /superuser/))
  }))

  it('give every table a site, row-level security and no rights to everybody', using(async ({ migrationUrl, adminUrl }) => {
    await migrate(migrationUrl)
    const client = new pg.Client({ connectionString: adminUrl })
    await client.connect()
    try {
      const { rows } = await client.query<{ relname: string }>(
        `select c.relname from pg_class c
          where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition and c.relname <> 'schema_migration'
            and not (c.relrowsecurity and exists (select 1 from pg_attribute a where a.attrelid = c.oid and a.attname = 'site_id')
                     and coalesce(c.relacl::text, '') !~ '[{,]=')`)
      assert.deepEqual(rows, [])
    } finally {
      await client.end()
    }
  }))
})
