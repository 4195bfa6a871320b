import { timestampToUs, toUs } from './sql-time.ts'
import type { Tx } from './transaction.ts'

export interface ModelVersionDraft {
  readonly family: string
  readonly name: string
  readonly kind: string
  readonly artifactKey: string
  readonly digest: string
  readonly featureSetRef: number
  readonly datasetId: string
  readonly metrics: Record<string, unknown>
  readonly calibration: Record<string, unknown>
  /** Markdown. */
  readonly card: string
  readonly runtime: Record<string, unknown>
  readonly reason: string
  readonly runId: string
  readonly createdBy: string
  /** Null: trained or registered at this site. */
  readonly copiedFrom: ModelOrigin | null
}

/** The version at another site that one is a copy of, and who took it over. */
export interface ModelOrigin { readonly site: string; readonly name: string; readonly version: number; readonly by: string }

export interface StoredModelVersion extends ModelVersionDraft {
  readonly modelVersionRef: number
  readonly version: number
  readonly createdUs: number
}

export interface ModelVersionRow {
  model_version_ref: number; family_id: string; name: string; version: number; kind: string; artifact_key: string; digest: string
  feature_set_ref: number; dataset_id: string; metrics: Record<string, unknown>; calibration: Record<string, unknown>; card: string
  runtime: Record<string, unknown>; reason: string; run_id: string; created_by: string; created_us: string; copied_from: ModelOrigin | null
}

export const MODEL_VERSION_COLUMNS = `model_version_ref, family_id, name, version, kind, artifact_key, digest, feature_set_ref, dataset_id,
  metrics, calibration, card, runtime, reason, run_id, created_by, copied_from, ${timestampToUs('created_at')} as created_us`

export const modelVersionFromRow = (row: ModelVersionRow): StoredModelVersion => ({
  modelVersionRef: row.model_version_ref, family: row.family_id, name: row.name, version: row.version, kind: row.kind,
  artifactKey: row.artifact_key, digest: row.digest, featureSetRef: row.feature_set_ref, datasetId: row.dataset_id, metrics: row.metrics,
  calibration: row.calibration, card: row.card, runtime: row.runtime, reason: row.reason, runId: row.run_id, createdBy: row.created_by, copiedFrom: row.copied_from,
  createdUs: toUs(row.created_us),
})

/** The version a training run registered for a kind, or undefined. */
export async function findModelVersionOfRun(tx: Tx, runId: string, kind: string): Promise<StoredModelVersion | undefined> {
  const { rows } = await tx.query<ModelVersionRow>(
    `select ${MODEL_VERSION_COLUMNS} from model_version where site_id = $1 and run_id = $2 and kind = $3`, [tx.site, runId, kind],
  )
  return rows.map(modelVersionFromRow)[0]
}

export async function findModelVersion(tx: Tx, name: string, version: number): Promise<StoredModelVersion | undefined> {
  const { rows } = await tx.query<ModelVersionRow>(
    `select ${MODEL_VERSION_COLUMNS} from model_version where site_id = $1 and name = $2 and version = $3`, [tx.site, name, version],
  )
  return rows.map(modelVersionFromRow)[0]
}

/** Versions of a family's models that read a feature set, newest first. */
export async function modelVersionsReading(tx: Tx, family: string, featureSetRef: number): Promise<StoredModelVersion[]> {
  const { rows } = await tx.query<ModelVersionRow>(
    `select ${MODEL_VERSION_COLUMNS} from model_version where site_id = $1 and family_id = $2 and feature_set_ref = $3 order by model_version_ref desc limit 100`, [tx.site, family, featureSetRef],
  )
  return rows.map(modelVersionFromRow)
}

/** Adds the next version of a model. The caller has looked for the run's own; two at once wait for each other here. */
export async function insertModelVersion(tx: Tx, draft: ModelVersionDraft): Promise<StoredModelVersion> {
  await tx.query("select pg_advisory_xact_lock(hashtextextended('twinward.model.' || $1 || '.' || $2, 0))", [tx.site, draft.name])
  const { rows } = await tx.query<ModelVersionRow>(
    `insert into model_version (site_id, family_id, name, version, kind, artifact_key, digest, feature_set_ref, dataset_id, metrics,
                                calibration, card, runtime, reason, run_id, created_by, copied_from)
     select $1, $2, $3, coalesce(max(version), 0) + 1, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16::jsonb
     from model_version where site_id = $1 and name = $3
     returning ${MODEL_VERSION_COLUMNS}`,
    [tx.site, draft.family, draft.name, draft.kind, draft.artifactKey, draft.digest, draft.featureSetRef, draft.datasetId,
      JSON.stringify(draft.metrics), JSON.stringify(draft.calibration), draft.card, JSON.stringify(draft.runtime), draft.reason,
      draft.runId, draft.createdBy, draft.copiedFrom && JSON.stringify(draft.copiedFrom)],
  )
  return modelVersionFromRow(rows[0] as ModelVersionRow)
}

/** Serialises registrations of one run, so that a retry that overlaps its first try sees what that one wrote. */
export async function lockRun(tx: Tx, runId: string): Promise<void> {
  await tx.query("select pg_advisory_xact_lock(hashtextextended('twinward.run.' || $1 || '.' || $2, 0))", [tx.site, runId])
}
