import { timestampToUs, toUs } from './sql-time.ts'
import type { Tx } from './transaction.ts'

export interface DatasetDraft {
  readonly family: string
  readonly featureSetRef: number
  readonly digest: string
  readonly manifestKey: string
  readonly manifest: Record<string, unknown>
  readonly commitNumber: number
  readonly rowCount: number
  readonly createdBy: string
}

export interface StoredDataset extends DatasetDraft { readonly datasetId: string; readonly createdUs: number }

interface Row {
  dataset_id: string; family_id: string; feature_set_ref: number; digest: string; manifest_key: string; manifest: Record<string, unknown>
  commit_number: string; row_count: number; created_by: string; created_us: string
}
const COLUMNS = `dataset_id, family_id, feature_set_ref, digest, manifest_key, manifest, commit_number, row_count, created_by,
  ${timestampToUs('created_at')} as created_us`
const fromRow = (row: Row): StoredDataset => ({
  datasetId: row.dataset_id, family: row.family_id, featureSetRef: row.feature_set_ref, digest: row.digest, manifestKey: row.manifest_key,
  manifest: row.manifest, commitNumber: Number(row.commit_number), rowCount: row.row_count, createdBy: row.created_by,
  createdUs: toUs(row.created_us),
})

/** Registers a snapshot. The same rows are one dataset: then the one that is there is given, made: false. */
export async function registerDataset(tx: Tx, draft: DatasetDraft): Promise<StoredDataset & { made: boolean }> {
  const { rows } = await tx.query<Row>(
    `insert into dataset (site_id, family_id, feature_set_ref, digest, manifest_key, manifest, commit_number, row_count, created_by)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict (site_id, family_id, digest) do nothing returning ${COLUMNS}`,
    [tx.site, draft.family, draft.featureSetRef, draft.digest, draft.manifestKey, JSON.stringify(draft.manifest), draft.commitNumber,
      draft.rowCount, draft.createdBy],
  )
  if (rows[0]) return { ...fromRow(rows[0]), made: true }
  const known = await tx.query<Row>(
    `select ${COLUMNS} from dataset where site_id = $1 and family_id = $2 and digest = $3`, [tx.site, draft.family, draft.digest],
  )
  // The conflict was with this row, and datasets are never deleted while read.
  return { ...fromRow(known.rows[0] as Row), made: false }
}

export async function findDataset(tx: Tx, datasetId: string): Promise<StoredDataset | undefined> {
  const { rows } = await tx.query<Row>(`select ${COLUMNS} from dataset where site_id = $1 and dataset_id = $2`, [tx.site, datasetId])
  return rows.map(fromRow)[0]
}
