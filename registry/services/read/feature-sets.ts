import { demand, type Actor } from '../../domain/access/rights.ts'
import type { FeatureSet } from '../../domain/features/feature-set.ts'
import { timestampToUs } from '../../store/sql-time.ts'
import { inSite } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'
import { decodeCursor, toPage, type Page, type PageInput } from './page.ts'
import { iso } from './rows.ts'

export interface FeatureSetView {
  readonly name: string
  readonly version: number
  readonly family: string
  readonly digest: string
  readonly definition: FeatureSet
  readonly createdBy: string
  readonly createdAt: string
}

/** Published feature sets, newest first. */
export async function listFeatureSets(
  ctx: ServiceContext, actor: Actor, input: PageInput & { site: string; family?: string | undefined },
): Promise<Page<FeatureSetView>> {
  demand(actor, 'read', input.site)
  const [before] = decodeCursor(input.cursor, ['number'])
  const rows = await inSite(ctx.pool, input.site, async (tx) => (await tx.query<{
    feature_set_ref: number; name: string; version: number; family_id: string; digest: string; definition: FeatureSet; created_by: string; created_us: string
  }>(
    `select feature_set_ref, name, version, family_id, digest, definition, created_by, ${timestampToUs('created_at')} as created_us from feature_set
     where site_id = $1 and ($2::text is null or family_id = $2) and ($3::integer is null or feature_set_ref < $3)
     order by feature_set_ref desc limit $4`,
    [input.site, input.family ?? null, before, input.limit + 1],
  )).rows)
  return toPage(rows, input.limit, (row): FeatureSetView => ({
    name: row.name, version: row.version, family: row.family_id, digest: row.digest, definition: row.definition,
    createdBy: row.created_by, createdAt: iso(row.created_us),
  }), (row) => [row.feature_set_ref])
}
