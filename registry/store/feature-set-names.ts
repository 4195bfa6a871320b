import { featureSetSchema } from '../domain/features/feature-set.ts'
import type { Tx } from './transaction.ts'

/** Feature names of the family's newest feature set; null when it has none yet. */
export async function newestFeatureSetNames(tx: Tx, site: string, family: string): Promise<string[] | null> {
  const { rows } = await tx.query<{ definition: unknown }>(
    'select definition from feature_set where site_id = $1 and family_id = $2 order by feature_set_ref desc limit 1', [site, family],
  )
  return rows[0] ? featureSetSchema.parse(rows[0].definition).features.map((feature) => feature.name) : null
}
