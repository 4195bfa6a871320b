import pg from 'pg'

/** `twinward_owner` owns the tables; `twinward` is the application, which row-level security binds; neither is a superuser. */
export interface RolePasswords {
  owner: string
  app: string
}

export function databaseUrl(port: number, user: string, password: string, database: string): string {
  return `postgres://${user}:${encodeURIComponent(password)}@127.0.0.1:${port}/${database}`
}

/** The same server and user, another database. */
export function withDatabase(url: string, database: string): string {
  const other = new URL(url)
  other.pathname = `/${database}`
  return other.href
}

/** Makes the roles that are missing. Migrations grant rights to the group `twinward_app`, never to a login role. */
export async function createRoles(adminUrl: string, passwords: RolePasswords): Promise<void> {
  await withClient(adminUrl, async (client) => {
    const { rows } = await client.query<{ rolname: string }>('SELECT rolname FROM pg_roles')
    const present = new Set(rows.map((row) => row.rolname))
    const plain = 'NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS'
    if (!present.has('twinward_app')) await client.query(`CREATE ROLE twinward_app NOLOGIN ${plain}`)
    if (!present.has('twinward_owner')) {
      await client.query(`CREATE ROLE twinward_owner LOGIN ${plain} PASSWORD ${pg.escapeLiteral(passwords.owner)}`)
    }
    if (!present.has('twinward')) {
      await client.query(`CREATE ROLE twinward LOGIN ${plain} PASSWORD ${pg.escapeLiteral(passwords.app)} IN ROLE twinward_app`)
    }
  })
}

/**
 * Makes a database, owned by `twinward_owner`, with the extensions that migrations count on: empty, or a copy of another
 * one of this server that nobody is connected to.
 */
export async function createDatabase(adminUrl: string, name: string, template?: string): Promise<void> {
  const id = pg.escapeIdentifier(name)
  await withClient(adminUrl, async (client) => {
    const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [name])
    if (rowCount === 0) await client.query(`CREATE DATABASE ${id} OWNER twinward_owner${template === undefined ? '' : ` TEMPLATE ${pg.escapeIdentifier(template)}`}`)
    await client.query(`REVOKE ALL ON DATABASE ${id} FROM PUBLIC`)
    await client.query(`GRANT CONNECT, TEMPORARY ON DATABASE ${id} TO twinward_app`)
  })
  await withClient(withDatabase(adminUrl, name), async (client) => {
    // An exclusion constraint over equality and a time range needs it.
    await client.query('CREATE EXTENSION IF NOT EXISTS btree_gist')
  })
}

export async function dropDatabase(adminUrl: string, name: string): Promise<void> {
  await withClient(adminUrl, async (client) => {
    await client.query(`DROP DATABASE IF EXISTS ${pg.escapeIdentifier(name)} WITH (FORCE)`)
  })
}

async function withClient(url: string, work: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 })
  await client.connect()
  try {
    await work(client)
  } finally {
    await client.end()
  }
}
