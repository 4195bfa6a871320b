import { demand, type Actor } from '../../domain/access/rights.ts'
import type { FamilyGovernance } from '../../domain/governance/family.ts'
import { refuse } from '../../domain/errors.ts'
import { getFamily as readFamily, listFamilyRows, type FamilyRow } from '../../store/families.ts'
import { inSite, type Tx } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'

export interface FamilyView {
  readonly id: string
  readonly name: string
  readonly owner: string | null
  readonly governance: FamilyGovernance
  readonly drift: Record<string, unknown>
  /** 0: the defaults, which nobody chose. */
  readonly governanceVersion: number
  /** Assets that stand in it now. */
  readonly assets: number
}

/** Families of a site; few by nature, so they come whole. */
export async function listFamilies(ctx: ServiceContext, actor: Actor, input: { site: string }): Promise<FamilyView[]> {
  demand(actor, 'read', input.site)
  return inSite(ctx.pool, input.site, async (tx) => withAssets(tx, input.site, await listFamilyRows(tx, input.site)))
}

/** Refuses (`not_found`) an unknown family. */
export async function getFamily(ctx: ServiceContext, actor: Actor, input: { site: string; family: string }): Promise<FamilyView> {
  demand(actor, 'read', input.site)
  return inSite(ctx.pool, input.site, async (tx) => {
    const [family] = await withAssets(tx, input.site, [await readFamily(tx, input.site, input.family)])
    return family ?? refuse('not_found', `site ${input.site} has no family ${input.family}`, { family: input.family })
  })
}

async function withAssets(tx: Tx, site: string, families: readonly FamilyRow[]): Promise<FamilyView[]> {
  const { rows } = await tx.query<{ family_id: string; assets: number }>(
    'select family_id, count(*)::integer as assets from asset_version where site_id = $1 and valid @> now() group by family_id', [site],
  )
  const counts = new Map(rows.map((row) => [row.family_id, row.assets]))
  return families.map((family) => ({ ...family, assets: counts.get(family.id) ?? 0 }))
}
