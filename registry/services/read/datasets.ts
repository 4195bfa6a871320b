import { demand, type Actor } from '../../domain/access/rights.ts'
import { refuse } from '../../domain/errors.ts'
import { timestampToUs, usToTimestamp } from '../../store/sql-time.ts'
import { inSite } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'
import { decodeCursor, toPage, type Page, type PageInput } from './page.ts'
import { iso } from './rows.ts'

export interface DatasetView {
  readonly id: string
  readonly family: string
  /** name@version */
  readonly featureSet: string
  readonly digest: string
  readonly manifestKey: string
  readonly commitNumber: number
  readonly rows: number
  readonly createdBy: string
  readonly createdAt: string
}

interface Row {
  dataset_id: string; family_id: string; name: string; version: number; digest: string; manifest_key: string; commit_number: string; row_count: number
  created_by: string; created_us: string; manifest: unknown
}

const COLUMNS = `d.dataset_id, d.family_id, f.name, f.version, d.digest, d.manifest_key, d.commit_number, d.row_count, d.created_by,
  ${timestampToUs('d.created_at')} as created_us`
const FROM = 'from dataset d join feature_set f using (feature_set_ref)'

/** Dataset snapshots, newest first. */
export async function listDatasets(
  ctx: ServiceContext, actor: Actor, input: PageInput & { site: string; family?: string | undefined },
): Promise<Page<DatasetView>> {
  demand(actor, 'read', input.site)
  const [beforeUs, beforeId] = decodeCursor(input.cursor, ['number', 'string'])
  const rows = await inSite(ctx.pool, input.site, async (tx) => (await tx.query<Row>(
    `select ${COLUMNS} ${FROM}
     where d.site_id = $1 and ($2::text is null or d.family_id = $2)
       and ($3::bigint is null or (d.created_at, d.dataset_id) < (${usToTimestamp('$3')}, $4::uuid))
     order by d.created_at desc, d.dataset_id desc limit $5`,
    [input.site, input.family ?? null, beforeUs, beforeId, input.limit + 1],
  )).rows)
  return toPage(rows, input.limit, viewOf, (row) => [Number(row.created_us), row.dataset_id])
}

/** One snapshot with its manifest. Refuses (`not_found`). */
export async function getDataset(ctx: ServiceContext, actor: Actor, input: { site: string; dataset: string }): Promise<DatasetView & { manifest: unknown }> {
  demand(actor, 'read', input.site)
  const rows = await inSite(ctx.pool, input.site, async (tx) => (await tx.query<Row>(
    `select ${COLUMNS}, d.manifest ${FROM} where d.site_id = $1 and d.dataset_id = $2`, [input.site, input.dataset],
  )).rows)
  const row = rows[0]
  if (!row) return refuse('not_found', `site ${input.site} has no dataset ${input.dataset}; GET /v1/datasets lists those it has`, { dataset: input.dataset })
  return { ...viewOf(row), manifest: row.manifest }
}

const viewOf = (row: Row): DatasetView => ({
  id: row.dataset_id, family: row.family_id, featureSet: `${row.name}@${row.version}`, digest: row.digest, manifestKey: row.manifest_key,
  commitNumber: Number(row.commit_number), rows: row.row_count, createdBy: row.created_by, createdAt: iso(row.created_us),
})
