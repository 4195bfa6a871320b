import type { Tx } from './transaction.ts'

/** The machines of a site that are in the registry, of those named; by name. */
export async function findAssetRefs(tx: Tx, site: string, assets: readonly string[]): Promise<Map<string, number>> {
  const { rows } = await tx.query<{ asset_id: string; asset_ref: number }>('select asset_id, asset_ref from asset where site_id = $1 and asset_id = any($2) order by asset_id', [site, assets])
  return new Map(rows.map(({ asset_id, asset_ref }) => [asset_id, asset_ref]))
}
