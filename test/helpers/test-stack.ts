import type { Connections } from '../../infra/config.ts'
import { createDatabase, withDatabase } from '../../infra/dev/postgres-roles.ts'
import type { Stack } from '../../infra/dev/stack.ts'
import { migrate } from '../../registry/store/migrate.ts'

/** The servers that a test uses. Several test files share them, so each keeps to its own database and prefix. */
export interface TestStack {
  connections: Connections
  /** PostgreSQL's superuser. */
  adminUrl: string
  /** A migrated database that nobody is connected to: a copy of it takes a fraction of the time that migrating takes. */
  template?: string
}

/** How the test runner hands its servers to each test file: a TestStack as JSON. */
export const testStackVariable = 'TWINWARD_TEST_STACK'

export function toTestStack({ connections, adminUrl }: Stack): TestStack {
  if (adminUrl === undefined) throw new Error('tests need the embedded PostgreSQL: unset DATABASE_URL')
  return { connections, adminUrl }
}

/** The same servers with a database to copy: worth it for who needs many. */
export async function withTemplate(stack: TestStack): Promise<TestStack> {
  const template = 'test_template'
  await createDatabase(stack.adminUrl, template)
  await migrate(withDatabase(stack.connections.database.migrationUrl, template))
  return { ...stack, template }
}
