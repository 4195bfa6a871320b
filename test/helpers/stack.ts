import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after } from 'node:test'
import { Connection } from '@temporalio/client'
import { msToTs } from '@temporalio/common/lib/time.js'
import { loadConfig } from '../../infra/config.ts'
import { createDatabase, dropDatabase, withDatabase } from '../../infra/dev/postgres-roles.ts'
import { startStack, type Stack } from '../../infra/dev/stack.ts'
import { migrate } from '../../registry/store/migrate.ts'
import { testStackVariable, toTestStack, type TestStack } from './test-stack.ts'

export type { TestStack } from './test-stack.ts'

let own: Promise<{ stack: Stack; dir: string }> | undefined

/**
 * The shared servers under `npm test`. For a file that is run by itself it starts some, once, and stops them when the
 * file's tests are done.
 */
export async function useStack(): Promise<TestStack> {
  const given = process.env[testStackVariable]
  if (given) return JSON.parse(given) as TestStack
  own ??= startOwnStack()
  return toTestStack((await own).stack)
}

let ownIsGone = false
after(async () => {
  if (!own) return
  const { stack, dir } = await own
  ownIsGone = true
  await stack.stop()
  await rm(dir, { recursive: true, force: true })
})

/** A whole stack for a test that kills servers; the caller stops it with `stop`, which also deletes its data. */
export async function startOwnStack(log?: (line: string) => void): Promise<{ stack: Stack; dir: string; stop(): Promise<void> }> {
  const dir = await mkdtemp(path.join(tmpdir(), 'twinward-test-'))
  // Servers that the developer's environment names are real ones: tests keep away from them.
  const stack = await startStack({ dataDir: dir, config: loadConfig({ TWINWARD_DATA_DIR: dir }), ...(log && { log }) })
  return {
    stack,
    dir,
    async stop() {
      await stack.stop()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

export interface TestDatabase {
  /** As the application, which row-level security binds. */
  url: string
  /** As the owner of the tables. */
  migrationUrl: string
  /** As the superuser, past row-level security: for a test's own look at what is there. */
  adminUrl: string
  drop(): Promise<void>
}

/** An own database; migrated unless told otherwise. */
export async function freshDatabase(stack: TestStack, options: { migrated?: boolean } = {}): Promise<TestDatabase> {
  const name = `test_${randomBytes(6).toString('hex')}`
  const migrated = options.migrated !== false
  await createDatabase(stack.adminUrl, name, migrated ? stack.template : undefined)
  const database = {
    url: withDatabase(stack.connections.database.url, name),
    migrationUrl: withDatabase(stack.connections.database.migrationUrl, name),
    adminUrl: withDatabase(stack.adminUrl, name),
    // A file's own `after` may run behind the one above, which took the server and every database with it.
    drop: async () => { if (!ownIsGone) await dropDatabase(stack.adminUrl, name) },
  }
  if (migrated && stack.template === undefined) await migrate(database.migrationUrl)
  return database
}

/** A short name that no other test has, for buckets, topics, task queues and ids: lower-case letters and digits. */
export function freshPrefix(): string {
  return `t${randomBytes(5).toString('hex')}`
}

/** An own Temporal namespace, where workflow ids cannot meet those of other tests. */
export async function freshNamespace(stack: TestStack): Promise<string> {
  const namespace = freshPrefix()
  const connection = await Connection.connect({ address: stack.connections.temporal.address })
  try {
    await connection.workflowService.registerNamespace({
      namespace, workflowExecutionRetentionPeriod: msToTs('1 day'),
    })
  } finally {
    await connection.close()
  }
  return namespace
}
