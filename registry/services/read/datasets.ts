import { demand, type Actor } from '../../domain/access/rights.ts'
import { microsToIso } from '../../domain/contract/time.ts'
import { refuse } from '../../domain/errors.ts'
import { findDataset } from '../../store/datasets.ts'
import { timestampToUs, toUs } from '../../store/sql-time.ts'
import { inSite } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'
import { decodeCursor, toPage, type Page, type PageInput } from './page.ts'

export interface DatasetView {
  readonly site: string
  readonly id: string
  readonly family: string
  /** Over canonical rows. */
  readonly digest: string
  readonly commitNumber: number
  readonly rowCount: number
  readonly createdBy: string
  readonly createdAt: string
}

/** With its manifest: assets, range, parts, exclusions, statistics, and where the Parquet file lies. */
export interface DatasetDetail extends DatasetView {
  readonly manifestKey: string
  readonly manifest: Record<string, unknown>
}

/** Datasets of a site, newest first; of one family when given. */
export async function listDatasets(
  ctx: ServiceContext, actor: Actor, input: PageInput & { site: string; family?: string | undefined },
): Promise<Page<DatasetView>> {
  demand(actor, 'read', input.site)
  const [beforeUs, beforeId] = decodeCursor(input.cursor, ['number', 'string'])
  const rows = await inSite(ctx.pool, input.site, async (tx) => (await tx.query<{
    dataset_id: string; family_id: string; digest: string; commit_number: string; row_count: number; created_by: string; created_us: string
  }>(
    `select dataset_id, family_id, digest, commit_number, row_count, created_by, ${timestampToUs('created_at')} as created_us
     from dataset
     where site_id = $1 and ($2::text is null or family_id = $2)
       and ($3::bigint is null or (${timestampToUs('created_at')}, dataset_id) < ($3, $4::uuid))
     order by created_at desc, dataset_id desc limit $5`,
    [input.site, input.family ?? null, beforeUs, beforeId, input.limit + 1],
  )).rows)
  return toPage(rows, input.limit, (row) => ({
    site: input.site, id: row.dataset_id, family: row.family_id, digest: row.digest, commitNumber: Number(row.commit_number),
    rowCount: row.row_count, createdBy: row.created_by, createdAt: microsToIso(toUs(row.created_us)),
  }), (row) => [toUs(row.created_us), row.dataset_id])
}

/** Refuses (`not_found`) a dataset that is not there. */
export async function getDataset(ctx: ServiceContext, actor: Actor, input: { site: string; id: string }): Promise<DatasetDetail> {
  demand(actor, 'read', input.site)
  const found = await inSite(ctx.pool, input.site, (tx) => findDataset(tx, input.id))
    ?? refuse('not_found', `site ${input.site} has no dataset ${input.id}`, { dataset: input.id })
  const { datasetId, family, digest, commitNumber, rowCount, createdBy, createdUs, manifestKey, manifest } = found
  return { site: input.site, id: datasetId, family, digest, commitNumber, rowCount, createdBy, createdAt: microsToIso(createdUs), manifestKey, manifest }
}
