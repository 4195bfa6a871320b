import { timestampToUs, toUs } from './sql-time.ts'
import type { Tx } from './transaction.ts'

export interface ReleaseDraft {
  readonly family: string
  readonly modelVersionRef: number
  readonly featureSetRef: number
  readonly policyRef: number
  readonly digest: string
  readonly createdBy: string
}

export interface StoredRelease extends ReleaseDraft {
  readonly releaseRef: number
  /** family-rN, what people say. */
  readonly releaseId: string
  readonly number: number
  readonly createdUs: number
}

interface Row {
  release_ref: number; family_id: string; release_id: string; number: number; model_version_ref: number; feature_set_ref: number
  policy_ref: number; digest: string; created_by: string; created_us: string
}
const COLUMNS = `release_ref, family_id, release_id, number, model_version_ref, feature_set_ref, policy_ref, digest, created_by,
  ${timestampToUs('created_at')} as created_us`
const fromRow = (row: Row): StoredRelease => ({
  releaseRef: row.release_ref, family: row.family_id, releaseId: row.release_id, number: row.number, modelVersionRef: row.model_version_ref,
  featureSetRef: row.feature_set_ref, policyRef: row.policy_ref, digest: row.digest, createdBy: row.created_by, createdUs: toUs(row.created_us),
})

/** Makes the family's next release, or gives the one that binds the same (made: false). */
export async function makeRelease(tx: Tx, draft: ReleaseDraft): Promise<StoredRelease & { made: boolean }> {
  await tx.query("select pg_advisory_xact_lock(hashtextextended('twinward.release.' || $1 || '.' || $2, 0))", [tx.site, draft.family])
  const known = await tx.query<Row>(
    `select ${COLUMNS} from release where site_id = $1 and family_id = $2 and digest = $3`, [tx.site, draft.family, draft.digest],
  )
  if (known.rows[0]) return { ...fromRow(known.rows[0]), made: false }
  const { rows } = await tx.query<Row>(
    `insert into release (site_id, family_id, number, release_id, model_version_ref, feature_set_ref, policy_ref, digest, created_by)
     select $1, $2, n, $2 || '-r' || n, $3, $4, $5, $6, $7
     from (select coalesce(max(number), 0) + 1 as n from release where site_id = $1 and family_id = $2) next
     returning ${COLUMNS}`,
    [tx.site, draft.family, draft.modelVersionRef, draft.featureSetRef, draft.policyRef, draft.digest, draft.createdBy],
  )
  return { ...fromRow(rows[0] as Row), made: true }
}

/** A release by its name, or undefined. */
export async function findRelease(tx: Tx, releaseId: string): Promise<StoredRelease | undefined> {
  const { rows } = await tx.query<Row>(`select ${COLUMNS} from release where site_id = $1 and release_id = $2`, [tx.site, releaseId])
  return rows.map(fromRow)[0]
}

export interface PolicyRef { readonly policyRef: number; readonly version: number; readonly digest: string }

/** A version of the family's policy, or its newest; undefined when there is none. */
/** Id and digest of releases, by their numbers. */
export async function releaseNames(tx: Tx, releaseRefs: readonly number[]): Promise<Map<number, { release: string; digest: string }>> {
  const { rows } = await tx.query<{ release_ref: number; release_id: string; digest: string }>('select release_ref, release_id, digest from release where release_ref = any($1)', [releaseRefs])
  return new Map(rows.map(({ release_ref, release_id, digest }) => [release_ref, { release: release_id, digest }]))
}

export async function findPolicy(tx: Tx, family: string, version: number | null): Promise<PolicyRef | undefined> {
  const { rows } = await tx.query<{ policy_ref: number; version: number; digest: string }>(
    `select policy_ref, version, digest from policy where site_id = $1 and family_id = $2 and ($3::int is null or version = $3)
     order by version desc limit 1`, [tx.site, family, version],
  )
  return rows.map((row) => ({ policyRef: row.policy_ref, version: row.version, digest: row.digest }))[0]
}
