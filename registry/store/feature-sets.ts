import { featureSetSchema, type FeatureSet } from '../domain/features/feature-set.ts'
import type { Tx } from './transaction.ts'

export interface StoredFeatureSet {
  readonly featureSetRef: number
  readonly family: string
  readonly digest: string
  readonly definition: FeatureSet
  readonly createdBy: string
}

interface Row { feature_set_ref: number; family_id: string; digest: string; definition: unknown; created_by: string }
const COLUMNS = 'feature_set_ref, family_id, digest, definition, created_by'
const fromRow = (row: Row): StoredFeatureSet => ({
  featureSetRef: row.feature_set_ref, family: row.family_id, digest: row.digest,
  definition: featureSetSchema.parse(row.definition), createdBy: row.created_by,
})

/** Puts a version in place unless (site, name, version) is taken. Says whether it did. */
export async function insertFeatureSet(
  tx: Tx, set: { family: string; digest: string; definition: FeatureSet; createdBy: string },
): Promise<boolean> {
  const { rowCount } = await tx.query(
    `insert into feature_set (site_id, family_id, name, version, digest, definition, created_by) values ($1, $2, $3, $4, $5, $6, $7)
     on conflict (site_id, name, version) do nothing`,
    [tx.site, set.family, set.definition.name, set.definition.version, set.digest, JSON.stringify(set.definition), set.createdBy],
  )
  return rowCount === 1
}

export async function findFeatureSet(tx: Tx, name: string, version: number): Promise<StoredFeatureSet | undefined> {
  const { rows } = await tx.query<Row>(`select ${COLUMNS} from feature_set where site_id = $1 and name = $2 and version = $3`, [tx.site, name, version])
  return rows.map(fromRow)[0]
}

export async function findFeatureSetByRef(tx: Tx, featureSetRef: number): Promise<StoredFeatureSet | undefined> {
  const { rows } = await tx.query<Row>(`select ${COLUMNS} from feature_set where site_id = $1 and feature_set_ref = $2`, [tx.site, featureSetRef])
  return rows.map(fromRow)[0]
}

/** A family's set with this digest: the same definition that another site has. */
export async function findFeatureSetByDigest(tx: Tx, family: string, digest: string): Promise<StoredFeatureSet | undefined> {
  const { rows } = await tx.query<Row>(
    `select ${COLUMNS} from feature_set where site_id = $1 and family_id = $2 and digest = $3 order by feature_set_ref desc limit 1`, [tx.site, family, digest],
  )
  return rows.map(fromRow)[0]
}

/** The set by which a family's windows are measured now: the one registered last. */
export async function currentFeatureSet(tx: Tx, family: string): Promise<StoredFeatureSet | undefined> {
  const { rows } = await tx.query<Row>(
    `select ${COLUMNS} from feature_set where site_id = $1 and family_id = $2 order by feature_set_ref desc limit 1`, [tx.site, family],
  )
  return rows.map(fromRow)[0]
}
