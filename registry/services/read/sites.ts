import { may, type Actor } from '../../domain/access/rights.ts'
import { ALL_SITES, inSite } from '../../store/transaction.ts'
import { timestampToUs } from '../../store/sql-time.ts'
import type { ServiceContext } from '../context.ts'
import { iso } from './rows.ts'

export interface SiteView {
  readonly id: string
  readonly name: string
  readonly timeZone: string
  readonly kind: 'plant' | 'simulation'
  readonly assets: number
  readonly lastCommit: number
  readonly createdAt: string
}

/** The sites the actor may read; few by nature, so they come whole. */
export async function listSites(ctx: ServiceContext, actor: Actor): Promise<SiteView[]> {
  const sites = actor.sites === '*' ? null : actor.sites.filter((site) => may(actor, 'read', site))
  const rows = await inSite(ctx.pool, ALL_SITES, async (tx) => (await tx.query<{
    site_id: string; name: string; time_zone: string; kind: 'plant' | 'simulation'; assets: number; last_commit: string; created_us: string
  }>(
    `select s.site_id, s.name, s.time_zone, s.kind, (select count(*) from asset a where a.site_id = s.site_id)::integer as assets, s.last_commit,
            ${timestampToUs('s.created_at')} as created_us
     from site s where s.kind <> 'fleet' and ($1::text[] is null or s.site_id = any($1)) order by s.site_id`,
    [sites],
  )).rows)
  return rows.map((row) => ({
    id: row.site_id, name: row.name, timeZone: row.time_zone, kind: row.kind, assets: row.assets, lastCommit: Number(row.last_commit),
    createdAt: iso(row.created_us),
  }))
}
