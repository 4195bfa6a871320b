import pg from 'pg'

export type Pool = pg.Pool
export type Client = pg.PoolClient

/**
 * Connections of the serving processes. Every one becomes `twinward_app`, whatever role logged in, so that even a
 * mistaken DATABASE_URL with an owner's login serves with least privilege and under row-level security.
 */
export function createPool(url: string, options: { max?: number; applicationName?: string } = {}): Pool {
  const pool = new pg.Pool({
    connectionString: url,
    max: options.max ?? 10,
    application_name: options.applicationName ?? 'twinward',
    options: '-c role=twinward_app -c timezone=UTC',
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
  })
  // An idle connection that the server drops (restart, failover) is replaced at the next use; without a listener the
  // error would end the process.
  pool.on('error', () => undefined)
  return pool
}
