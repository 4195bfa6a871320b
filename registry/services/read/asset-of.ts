import { refuse } from '../../domain/errors.ts'
import type { Tx } from '../../store/transaction.ts'

/** The asset's row number. Refuses (`not_found`) one that the site never had. */
export async function assetRefOf(tx: Tx, site: string, asset: string): Promise<number> {
  const { rows } = await tx.query<{ asset_ref: number }>('select asset_ref from asset where site_id = $1 and asset_id = $2', [site, asset])
  return rows[0]?.asset_ref ?? refuse('not_found', `site ${site} has no asset ${asset}; GET /v1/assets lists those it has`, { asset })
}
