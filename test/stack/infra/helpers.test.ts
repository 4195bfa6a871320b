import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Client, Connection } from '@temporalio/client'
import pg from 'pg'
import { freshDatabase, freshNamespace, freshPrefix, useStack } from '../../helpers/stack.ts'

async function query<Row extends pg.QueryResultRow>(url: string, sql: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<Row>(sql)).rows
  } finally {
    await client.end()
  }
}

describe('test stack', () => {
  it('gives each caller a migrated database of its own, as an application that is no superuser', async () => {
    const stack = await useStack()
    const [a, b] = [await freshDatabase(stack), await freshDatabase(stack)]
    try {
      assert.notEqual(a.url, b.url)
      const [role] = await query<{ current_user: string; super: boolean; bypass: boolean }>(a.url,
        'SELECT current_user, rolsuper AS super, rolbypassrls AS bypass FROM pg_roles WHERE rolname = current_user')
      assert.deepEqual(role, { current_user: 'twinward', super: false, bypass: false })
      const tables = await query(a.adminUrl, "SELECT 1 FROM pg_tables WHERE schemaname = 'public'")
      assert.ok(tables.length > 0, 'no table was made')
      await assert.rejects(query(a.url, 'CREATE TABLE mine (id int)'), /permission denied/)
    } finally {
      await a.drop()
      await b.drop()
    }
    await assert.rejects(query(a.url, 'SELECT 1'), /does not exist/)
  })

  it('gives an empty database when asked not to migrate', async () => {
    const database = await freshDatabase(await useStack(), { migrated: false })
    try {
      assert.deepEqual(await query(database.adminUrl, "SELECT 1 FROM pg_tables WHERE schemaname = 'public'"), [])
      assert.equal((await query(database.adminUrl, "SELECT 1 FROM pg_extension WHERE extname = 'btree_gist'")).length, 1)
      await query(database.migrationUrl, 'CREATE TABLE mine (id int)')
    } finally {
      await database.drop()
    }
  })

  it('gives an own Temporal namespace that takes workflows at once', async () => {
    const stack = await useStack()
    const namespace = await freshNamespace(stack)
    const connection = await Connection.connect({ address: stack.connections.temporal.address })
    try {
      const client = new Client({ connection, namespace })
      const handle = await client.workflow.start('anything', { taskQueue: freshPrefix(), workflowId: 'one' })
      assert.equal((await handle.describe()).status.name, 'RUNNING')
      await handle.terminate()
    } finally {
      await connection.close()
    }
  })
})
