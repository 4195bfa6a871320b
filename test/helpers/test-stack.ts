import type { Connections } from '../../infra/config.ts'
import type { Stack } from '../../infra/dev/stack.ts'

/** The servers that a test uses. Several test files share them, so each keeps to its own database and prefix. */
export interface TestStack {
  connections: Connections
  /** PostgreSQL's superuser. */
  adminUrl: string
}

/** How the test runner hands its servers to each test file: a TestStack as JSON. */
export const testStackVariable = 'TWINWARD_TEST_STACK'

export function toTestStack({ connections, adminUrl }: Stack): TestStack {
  if (adminUrl === undefined) throw new Error('tests need the embedded PostgreSQL: unset DATABASE_URL')
  return { connections, adminUrl }
}
