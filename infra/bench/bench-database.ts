import path from 'node:path'
import { migrate } from '../../registry/store/migrate.ts'
import { embeddedPostgres } from '../dev/postgres.ts'
import { freePort } from '../dev/ports.ts'
import { loadSecrets } from '../dev/secrets.ts'
import { createSupervisor } from '../supervisor.ts'

/** A PostgreSQL in a folder of its own, with the platform's schema and settings; none of the other servers. */
export async function startBenchDatabase(dataDir: string): Promise<{ url: string; migrationUrl: string; stop(): Promise<void> }> {
  const supervisor = createSupervisor({ log: () => undefined, onChange: () => undefined })
  const port = await freePort()
  const server = embeddedPostgres(port, loadSecrets(dataDir), {
    dataDir, logFile: path.join(dataDir, 'logs', 'postgres.log'), pidFile: path.join(dataDir, 'run', 'postgres.pid'),
  })
  try {
    await supervisor.start(server.spec)
    await server.afterStart?.()
    await migrate(server.connection.migrationUrl)
  } catch (error) {
    await supervisor.stopAll()
    throw error
  }
  return { url: server.connection.url, migrationUrl: server.connection.migrationUrl, stop: () => supervisor.stopAll() }
}
