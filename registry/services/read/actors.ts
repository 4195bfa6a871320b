import { demand, type Actor, type Role } from '../../domain/access/rights.ts'
import { microsToIso } from '../../domain/contract/time.ts'
import { timestampToUs, toUs } from '../../store/sql-time.ts'
import { inSite } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'
import { decodeCursor, toPage, type Page, type PageInput } from './page.ts'

export interface ActorView {
  readonly id: string
  readonly site: string
  readonly name: string
  readonly kind: 'person' | 'service'
  readonly roles: readonly Role[]
  readonly disabled: boolean
  readonly createdAt: string
}

/** Actors of one site in the order of their ids; the fleet's are listed under `_fleet`. */
export async function listActors(ctx: ServiceContext, actor: Actor, input: PageInput & { site: string }): Promise<Page<ActorView>> {
  demand(actor, 'actor.write', input.site)
  const [after] = decodeCursor(input.cursor, ['string'])
  const rows = await inSite(ctx.pool, input.site, async (tx) => (await tx.query<{
    actor_id: string; site_id: string; name: string; kind: 'person' | 'service'; roles: Role[]; disabled: boolean; created_us: string
  }>(
    `select actor_id, site_id, name, kind, roles, disabled_at is not null as disabled, ${timestampToUs('created_at')} as created_us
     from actor where site_id = $1 and ($2::text is null or actor_id > $2) order by actor_id limit $3`,
    [input.site, after, input.limit + 1],
  )).rows)
  return toPage(rows, input.limit, (row) => ({
    id: row.actor_id, site: row.site_id, name: row.name, kind: row.kind, roles: row.roles, disabled: row.disabled,
    createdAt: microsToIso(toUs(row.created_us)),
  }), (row) => [row.actor_id])
}

export interface ApiKeyView {
  readonly id: string
  readonly actor: string
  readonly label: string
  readonly createdAt: string
  readonly expiresAt: string | null
  readonly revokedAt: string | null
}

/** Keys of one site, newest first, revoked ones too; neither key nor hash is among what is told. */
export async function listApiKeys(ctx: ServiceContext, actor: Actor, input: PageInput & { site: string }): Promise<Page<ApiKeyView>> {
  demand(actor, 'actor.write', input.site)
  const [beforeUs, beforeId] = decodeCursor(input.cursor, ['number', 'string'])
  const rows = await inSite(ctx.pool, input.site, async (tx) => (await tx.query<{
    key_id: string; actor_id: string; label: string; created_us: string; expires_us: string | null; revoked_us: string | null
  }>(
    `select key_id, actor_id, label, ${timestampToUs('created_at')} as created_us, ${timestampToUs('expires_at')} as expires_us,
            ${timestampToUs('revoked_at')} as revoked_us
     from api_key
     where site_id = $1 and ($2::bigint is null or (${timestampToUs('created_at')}, key_id) < ($2, $3::uuid))
     order by created_at desc, key_id desc limit $4`,
    [input.site, beforeUs, beforeId, input.limit + 1],
  )).rows)
  const iso = (us: string | null) => (us === null ? null : microsToIso(toUs(us)))
  return toPage(rows, input.limit, (row) => ({
    id: row.key_id, actor: row.actor_id, label: row.label, createdAt: microsToIso(toUs(row.created_us)),
    expiresAt: iso(row.expires_us), revokedAt: iso(row.revoked_us),
  }), (row) => [toUs(row.created_us), row.key_id])
}
