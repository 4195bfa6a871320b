import type { Role } from '../domain/access/rights.ts'
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

export async function insertKey(
  tx: Tx, key: { site: string; actorId: string; hash: Uint8Array; label: string; expiresAtUs: number | null },
): Promise<string> {
  const { rows } = await tx.query<{ key_id: string }>(
    `insert into api_key (site_id, actor_id, hash, label, expires_at)
     values ($1, $2, $3, $4, timestamptz 'epoch' + $5::bigint * interval '1 microsecond') returning key_id`,
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
    `select ${columns}, k.key_id, k.hash, (extract(epoch from k.expires_at) * 1000000)::bigint as expires_us, k.revoked_at is not null as revoked
     from api_key k join actor a using (site_id, actor_id) where k.hash = $1`,
    [Buffer.from(hash)],
  )
  const row = rows[0]
  return row
    ? { keyId: row.key_id, hash: row.hash, expiresAtUs: row.expires_us === null ? null : Number(row.expires_us), revoked: row.revoked, actor: toActor(row) }
    : null
}
