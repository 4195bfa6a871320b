import assert from 'node:assert/strict'
import { appendFile, cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, it } from 'node:test'
import pg from 'pg'
import { DomainError } from '../../../registry/domain/errors.ts'
import { migrate } from '../../../registry/store/migrate.ts'
import { freshDatabase, useStack, type TestDatabase } from '../../helpers/stack.ts'

const FOLDER = path.join(import.meta.dirname, '../../../registry/store/migrations')

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
    assert.deepEqual(await migrate(migrationUrl, folder), { applied: ['9000_more.sql'] })
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
