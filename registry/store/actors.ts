import type { Role } from '../domain/access/rights.ts'
import { timestampToUs, toUsOrNull, usToTimestamp } from './sql-time.ts'
import type { Tx } from './transaction.ts'

export interface ActorRow {
  readonly site: string
  readonly actorId: string
  readonly name: string
  readonly kind: 'person' | 'service'
  readonly roles: readonly Role[]
  readonly disabled: boolean
}

interface Row { site_id: string; actor_id: string; name: string; kind: 'person' | 'service'; roles: Role[]; disabled: boolean }
const columns = 'a.site_id, a.actor_id, a.name, a.kind, a.roles, a.disabled_at is not null as disabled'
const toActor = (row: Row): ActorRow => ({
  site: row.site_id, actorId: row.actor_id, name: row.name, kind: row.kind, roles: row.roles, disabled: row.disabled,
})

/** The actor as this site knows it: its own row before the fleet's. Null when nobody is called that. */
export async function findActor(tx: Tx, site: string, actorId: string): Promise<ActorRow | null> {
  const { rows } = await tx.query<Row>(
    `select ${columns} from actor a where a.actor_id = $2 and a.site_id in ($1, '_fleet') order by a.site_id = $1 desc limit 1`,
    [site, actorId],
  )
  return rows[0] ? toActor(rows[0]) : null
}

/** Any actor of that id, whatever its site; the transaction must see all sites. */
export async function findActorAnywhere(tx: Tx, actorId: string): Promise<ActorRow | null> {
  const { rows } = await tx.query<Row>(`select ${columns} from actor a where a.actor_id = $1 limit 1`, [actorId])
  return rows[0] ? toActor(rows[0]) : null
}

/** Everybody active at the site, as it knows them. */
export async function activeRoles(tx: Tx, site: string): Promise<{ id: string; roles: readonly Role[] }[]> {
  const { rows } = await tx.query<{ id: string; roles: Role[]; disabled: boolean }>(
    `select distinct on (a.actor_id) a.actor_id as id, a.roles, a.disabled_at is not null as disabled from actor a
     where a.site_id in ($1, '_fleet') order by a.actor_id, a.site_id = $1 desc`, [site])
  return rows.filter(({ disabled }) => !disabled).map(({ id, roles }) => ({ id, roles }))
}

/** Makes the actor or changes its name, kind and roles; says whether it is new. */
export async function putActor(
  tx: Tx, actor: { site: string; actorId: string; name: string; kind: 'person' | 'service'; roles: readonly Role[] },
): Promise<'made' | 'changed'> {
  const { rows } = await tx.query<{ made: boolean }>(
    `insert into actor (site_id, actor_id, name, kind, roles) values ($1, $2, $3, $4, $5)
     on conflict (site_id, actor_id) do update set name = excluded.name, kind = excluded.kind, roles = excluded.roles
     returning xmax = 0 as made`,
    [actor.site, actor.actorId, actor.name, actor.kind, actor.roles],
  )
  return rows[0]?.made ? 'made' : 'changed'
}

/** Changes what is given; null when nobody is called that at the site. */
export async function changeActorRow(tx: Tx, change: {
  site: string; id: string; name?: string | undefined; roles?: readonly Role[] | undefined; disabled?: boolean | undefined; nowUs: number
}): Promise<ActorRow | null> {
  const { rows } = await tx.query<Row>(
    `update actor a set name = coalesce($3, name), roles = coalesce($4, roles),
            disabled_at = case when $5::boolean is null then disabled_at when $5 then coalesce(disabled_at, ${usToTimestamp('$6')}) end
     where site_id = $1 and actor_id = $2 returning ${columns}`,
    [change.site, change.id, change.name ?? null, change.roles ?? null, change.disabled ?? null, change.nowUs],
  )
  return rows[0] ? toActor(rows[0]) : null
}

export async function insertKey(
  tx: Tx, key: { site: string; actorId: string; hash: Uint8Array; label: string; expiresAtUs: number | null },
): Promise<string> {
  const { rows } = await tx.query<{ key_id: string }>(
    `insert into api_key (site_id, actor_id, hash, label, expires_at)
     values ($1, $2, $3, $4, ${usToTimestamp('$5')}) returning key_id`,
    [key.site, key.actorId, Buffer.from(key.hash), key.label, key.expiresAtUs],
  )
  return (rows[0] as { key_id: string }).key_id
}

export interface KeyRow {
  readonly keyId: string
  readonly hash: Uint8Array
  readonly expiresAtUs: number | null
  readonly revoked: boolean
  readonly actor: ActorRow
}

/** The key with this hash and its actor as he stands now. */
export async function findKey(tx: Tx, hash: Uint8Array): Promise<KeyRow | null> {
  const { rows } = await tx.query<Row & { key_id: string; hash: Buffer; expires_us: string | null; revoked: boolean }>(
    `select ${columns}, k.key_id, k.hash, ${timestampToUs('k.expires_at')} as expires_us, k.revoked_at is not null as revoked
     from api_key k join actor a using (site_id, actor_id) where k.hash = $1`,
    [Buffer.from(hash)],
  )
  const row = rows[0]
  return row
    ? { keyId: row.key_id, hash: row.hash, expiresAtUs: toUsOrNull(row.expires_us), revoked: row.revoked, actor: toActor(row) }
    : null
}

/** Revokes a key of the site; false when there is none, or it was revoked before. */
export async function revokeKey(tx: Tx, site: string, keyId: string, nowUs: number): Promise<boolean> {
  const { rowCount } = await tx.query(
    `update api_key set revoked_at = ${usToTimestamp('$3')} where site_id = $1 and key_id = $2 and revoked_at is null`, [site, keyId, nowUs],
  )
  return rowCount === 1
}
