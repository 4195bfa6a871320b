import { demand, type Actor } from '../../domain/access/rights.ts'
import { microsToIso } from '../../domain/contract/time.ts'
import { refuse } from '../../domain/errors.ts'
import { timestampToUs, toUs } from '../../store/sql-time.ts'
import { inSite } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'
import { decodeCursor, toPage, type Page, type PageInput } from './page.ts'

export interface FeatureSetView {
  readonly site: string
  readonly family: string
  readonly name: string
  readonly version: number
  readonly digest: string
  /** The newest of its family: what windows are measured by where no release is in force. */
  readonly current: boolean
  readonly definition: Record<string, unknown>
  readonly createdBy: string
  readonly createdAt: string
}

interface Row {
  feature_set_ref: number; family_id: string; name: string; version: number; digest: string; definition: Record<string, unknown>
  created_by: string; created_us: string; current: boolean
}

const SELECT = `select f.feature_set_ref, f.family_id, f.name, f.version, f.digest, f.definition, f.created_by,
    ${timestampToUs('f.created_at')} as created_us,
    f.feature_set_ref = (select max(n.feature_set_ref) from feature_set n where n.site_id = f.site_id and n.family_id = f.family_id) as current
  from feature_set f`

/** Feature sets of a site, newest first; of one family when given. */
export async function listFeatureSets(
  ctx: ServiceContext, actor: Actor, input: PageInput & { site: string; family?: string | undefined },
): Promise<Page<FeatureSetView>> {
  demand(actor, 'read', input.site)
  const [before] = decodeCursor(input.cursor, ['number'])
  const rows = await inSite(ctx.pool, input.site, async (tx) => (await tx.query<Row>(
    `${SELECT} where f.site_id = $1 and ($2::text is null or f.family_id = $2) and ($3::int is null or f.feature_set_ref < $3)
     order by f.feature_set_ref desc limit $4`,
    [input.site, input.family ?? null, before, input.limit + 1],
  )).rows)
  return toPage(rows, input.limit, (row) => viewOf(input.site, row), (row) => [row.feature_set_ref])
}

/** Refuses (`not_found`) a version that is not there. */
export async function getFeatureSet(
  ctx: ServiceContext, actor: Actor, input: { site: string; name: string; version: number },
): Promise<FeatureSetView> {
  demand(actor, 'read', input.site)
  const { site, name, version } = input
  const rows = await inSite(ctx.pool, site, async (tx) => (await tx.query<Row>(
    `${SELECT} where f.site_id = $1 and f.name = $2 and f.version = $3`, [site, name, version],
  )).rows)
  return viewOf(site, rows[0] ?? refuse('not_found', `site ${site} has no feature set ${name} v${version}`, { name, version }))
}

function viewOf(site: string, row: Row): FeatureSetView {
  return {
    site, family: row.family_id, name: row.name, version: row.version, digest: row.digest, current: row.current, definition: row.definition,
    createdBy: row.created_by, createdAt: microsToIso(toUs(row.created_us)),
  }
}
