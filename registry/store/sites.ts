import type { Site } from '../domain/contract/hierarchy.ts'
import { refuse } from '../domain/errors.ts'
import type { Tx } from './transaction.ts'

/** Makes the site or brings name and time zone up to date. Refuses (`conflict`) another kind. */
export async function putSite(tx: Tx, site: Site): Promise<'made' | 'changed' | 'unchanged'> {
  const made = await tx.query(
    'insert into site (site_id, name, time_zone, kind) values ($1, $2, $3, $4) on conflict (site_id) do nothing',
    [site.id, site.name, site.timeZone, site.kind],
  )
  if (made.rowCount === 1) return 'made'
  const { rows } = await tx.query<{ kind: string }>('select kind from site where site_id = $1', [site.id])
  if (rows[0]?.kind !== site.kind) {
    refuse('conflict', `site ${site.id} is a ${rows[0]?.kind}, which cannot become a ${site.kind}; give the ${site.kind} an id of its own`, {
      site: site.id, kind: rows[0]?.kind,
    })
  }
  const changed = await tx.query(
    'update site set name = $2, time_zone = $3 where site_id = $1 and (name, time_zone) is distinct from ($2, $3)',
    [site.id, site.name, site.timeZone],
  )
  return changed.rowCount === 1 ? 'changed' : 'unchanged'
}

/** Refuses (`not_found`) a site that does not exist or that this transaction may not see; says of which kind it is. */
export async function siteKind(tx: Tx, site: string): Promise<'plant' | 'simulation' | 'fleet'> {
  const { rows } = await tx.query<{ kind: 'plant' | 'simulation' | 'fleet' }>('select kind from site where site_id = $1', [site])
  return rows[0]?.kind ?? refuse('not_found', `there is no site ${site}; make it first (POST /v1/sites or twinward import assets)`, { site })
}
