import type { Pool } from '../registry/store/pool.ts'
import { ALL_SITES, inSite } from '../registry/store/transaction.ts'

/** Ids of all sites, in order; for actors who cover them all. */
export async function siteNames(pool: Pool): Promise<string[]> {
  return inSite(pool, ALL_SITES, async (tx) => {
    const { rows } = await tx.query<{ site_id: string }>("select site_id from site where kind <> 'fleet' order by site_id")
    return rows.map((row) => row.site_id)
  })
}
