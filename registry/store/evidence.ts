import { timestampToUs, toUs, toUsOrNull, usToTimestamp } from './sql-time.ts'
import type { Tx } from './transaction.ts'

/** What a model was trained on and how it did there, as registered. */
export interface ModelFacts {
  readonly model: string
  readonly kind: string
  readonly digest: string
  readonly dataset: { readonly id: string; readonly digest: string; readonly rows: number; readonly commitNumber: number }
  readonly metrics: Record<string, unknown>
  readonly reason: string
}

/** A version that a release names is there, with the dataset it was trained on: the database holds on to both. */
export async function modelFacts(tx: Tx, modelVersionRef: number): Promise<ModelFacts> {
  const { rows } = await tx.query<{
    name: string; version: number; kind: string; digest: string; metrics: Record<string, unknown>; reason: string
    dataset_id: string; dataset_digest: string; row_count: number; commit_number: string
  }>(
    `select m.name, m.version, m.kind, m.digest, m.metrics, m.reason, d.dataset_id, d.digest as dataset_digest, d.row_count, d.commit_number
     from model_version m join dataset d using (dataset_id) where m.model_version_ref = $1`, [modelVersionRef],
  )
  const row = rows[0]!
  return {
    model: `${row.name}@${row.version}`, kind: row.kind, digest: row.digest, metrics: row.metrics, reason: row.reason,
    dataset: { id: row.dataset_id, digest: row.dataset_digest, rows: row.row_count, commitNumber: Number(row.commit_number) },
  }
}

/** The newest drift report of a family, or null. */
export async function newestDrift(tx: Tx, family: string): Promise<{ report: string; verdict: string; release: string; atUs: number; drifted: string[] } | null> {
  const { rows } = await tx.query<{ drift_report_id: string; verdict: string; release_id: string; at_us: string; features: unknown }>(
    `select d.drift_report_id, d.verdict, r.release_id, ${timestampToUs('d.created_at')} as at_us, d.features
     from drift_report d join release r using (release_ref) where d.site_id = $1 and d.family_id = $2 order by d.created_at desc limit 1`,
    [tx.site, family],
  )
  const row = rows[0]
  if (!row) return null
  const features = Array.isArray(row.features) ? row.features as { feature?: unknown; verdict?: unknown }[] : []
  const drifted = features.flatMap(({ feature, verdict }) => (verdict === 'drift' && typeof feature === 'string' ? [feature] : []))
  return { report: row.drift_report_id, verdict: row.verdict, release: row.release_id, atUs: toUs(row.at_us), drifted }
}

/** The time of the newest window of a feature set that was computed from commits up to `commitNumber`; null without any. */
export async function newestWindowEnd(tx: Tx, featureSetRef: number, assetRefs: readonly number[], commitNumber: number): Promise<number | null> {
  const { rows } = await tx.query<{ end_us: string | null }>(
    `select ${timestampToUs('max(window_end)')} as end_us from feature_window
     where feature_set_ref = $1 and asset_ref = any($2::int[]) and commit_number <= $3 and rescore_ref is null`,
    [featureSetRef, assetRefs, commitNumber],
  )
  return toUsOrNull(rows[0]?.end_us ?? null)
}

/** The mean share of good readings, over every revision of the windows of a span, rescores' left out; null without any. */
export async function goodFractions(
  tx: Tx, query: { featureSetRef: number; assetRefs: readonly number[]; fromUs: number; toUs: number; commitNumber: number },
): Promise<number | null> {
  const { rows } = await tx.query<{ good: number | null }>(
    `select avg(good_fraction)::float8 as good from feature_window
     where feature_set_ref = $1 and asset_ref = any($2::int[]) and window_end >= ${usToTimestamp('$3')} and window_end <= ${usToTimestamp('$4')} and commit_number <= $5
       and rescore_ref is null`,
    [query.featureSetRef, query.assetRefs, query.fromUs, query.toUs, query.commitNumber],
  )
  return rows[0]?.good ?? null
}
