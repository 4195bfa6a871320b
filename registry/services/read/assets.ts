import { demand, type Actor } from '../../domain/access/rights.ts'
import { refuse } from '../../domain/errors.ts'
import { usToTimestamp } from '../../store/sql-time.ts'
import { inSite, type Tx } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'
import { decodeCursor, toPage, type Page, type PageInput } from './page.ts'
import { fromUsOf, iso, isoOrNull, ofSite, toUsOf } from './rows.ts'

export interface AssetView {
  readonly site: string
  readonly id: string
  readonly name: string
  readonly class: string
  readonly family: string
  readonly area: string
  readonly line: string
  readonly owner: string | null
  readonly nameplate: Record<string, unknown>
  readonly business: Record<string, unknown>
  readonly validFrom: string
  readonly validTo: string | null
}

export interface ComponentView {
  readonly id: string; readonly name: string; readonly kind: string; readonly geometry: Record<string, number>
  readonly validFrom: string; readonly validTo: string | null
}

interface AssetRow {
  site_id: string; asset_ref: number; asset_id: string; name: string; class: string; family_id: string; area_id: string; line_id: string
  owner_id: string | null; nameplate: Record<string, unknown>; business: Record<string, unknown>; from_us: string; to_us: string | null
}

export interface AssetsInput extends PageInput {
  readonly site: string
  readonly family?: string | undefined
  readonly line?: string | undefined
  /** How things stood at this instant; absent: now. */
  readonly atUs?: number | undefined
}

const SELECT = `select a.site_id, a.asset_ref, a.asset_id, v.name, v.class, v.family_id, l.area_id, v.line_id, v.owner_id, v.nameplate, v.business,
    ${fromUsOf('v.valid')} as from_us, ${toUsOf('v.valid')} as to_us
  from asset a
  join asset_version v on v.asset_ref = a.asset_ref
  join line l on l.site_id = v.site_id and l.line_id = v.line_id`

/** Assets as they stand, or stood at an instant, by site and id. */
export async function listAssets(ctx: ServiceContext, actor: Actor, input: AssetsInput): Promise<Page<AssetView>> {
  demand(actor, 'read', input.site)
  const [afterSite, afterId] = decodeCursor(input.cursor, ['string', 'string'])
  return inSite(ctx.pool, input.site, async (tx) => {
    const { rows } = await tx.query<AssetRow>(
      `${SELECT}
       where ${ofSite(tx, 'a.site_id')} and v.valid @> coalesce(${usToTimestamp('$1')}, now())
         and ($2::text is null or v.family_id = $2) and ($3::text is null or v.line_id = $3)
         and ($4::text is null or (a.site_id, a.asset_id) > ($4, $5))
       order by a.site_id, a.asset_id limit $6`,
      [input.atUs ?? null, input.family ?? null, input.line ?? null, afterSite, afterId, input.limit + 1],
    )
    return toPage(rows, input.limit, assetOf, (row) => [row.site_id, row.asset_id])
  })
}

/** One asset as it stands or stood last, with its parts and everywhere it stood before. Refuses (`not_found`). */
export async function getAsset(
  ctx: ServiceContext, actor: Actor, input: { site: string; asset: string },
): Promise<AssetView & { components: ComponentView[]; history: AssetView[] }> {
  demand(actor, 'read', input.site)
  return inSite(ctx.pool, input.site, async (tx) => {
    const { rows } = await tx.query<AssetRow>(
      `${SELECT} where a.site_id = $1 and a.asset_id = $2 order by v.valid @> now() desc, lower(v.valid) desc`, [input.site, input.asset],
    )
    const newest = rows[0]
    if (!newest) return refuse('not_found', `site ${input.site} has no asset ${input.asset}; GET /v1/assets lists those it has`, { asset: input.asset })
    return { ...assetOf(newest), components: await componentsOf(tx, newest.asset_ref), history: rows.map(assetOf) }
  })
}

async function componentsOf(tx: Tx, assetRef: number): Promise<ComponentView[]> {
  const { rows } = await tx.query<{ component_id: string; name: string; kind: string; geometry: Record<string, number>; from_us: string; to_us: string | null }>(
    `select component_id, name, kind, geometry, ${fromUsOf('valid')} as from_us, ${toUsOf('valid')} as to_us
     from component where asset_ref = $1 order by component_id, lower(valid)`,
    [assetRef],
  )
  return rows.map((row) => ({
    id: row.component_id, name: row.name, kind: row.kind, geometry: row.geometry, validFrom: iso(row.from_us), validTo: isoOrNull(row.to_us),
  }))
}

const assetOf = (row: AssetRow): AssetView => ({
  site: row.site_id, id: row.asset_id, name: row.name, class: row.class, family: row.family_id, area: row.area_id, line: row.line_id,
  owner: row.owner_id, nameplate: row.nameplate, business: row.business, validFrom: iso(row.from_us), validTo: isoOrNull(row.to_us),
})
