import type { DriftVerdict, FeatureDrift } from '../domain/drift/verdict.ts'
import { timestampToUs, toUs, toUsOrNull, usToTimestamp } from './sql-time.ts'
import type { Tx } from './transaction.ts'

export interface DriftReportDraft {
  readonly family: string
  readonly releaseRef: number
  readonly commitNumber: number
  readonly fromUs: number
  readonly toUs: number
  readonly verdict: DriftVerdict
  readonly features: readonly FeatureDrift[]
  readonly detail: Record<string, unknown>
  readonly startedRetraining: string | null
  readonly runId: string
}

export interface StoredDriftReport extends Omit<DriftReportDraft, 'fromUs' | 'toUs'> {
  readonly driftReportId: string
  /** Null when no windows were compared. */
  readonly fromUs: number | null
  readonly toUs: number | null
  readonly release: string
  readonly createdUs: number
}

export interface DriftReportRow {
  drift_report_id: string; family_id: string; release_ref: number; release_id: string; commit_number: string; from_us: string | null
  to_us: string | null; verdict: DriftVerdict; features: FeatureDrift[]; detail: Record<string, unknown>; started_retraining: string | null
  run_id: string; created_us: string
}

export const DRIFT_REPORT_COLUMNS = `d.drift_report_id, d.family_id, d.release_ref, r.release_id, d.commit_number,
  ${timestampToUs('lower(d.during)')} as from_us, ${timestampToUs('upper(d.during)')} as to_us, d.verdict, d.features, d.detail,
  d.started_retraining, d.run_id, ${timestampToUs('d.created_at')} as created_us`

export const driftReportFromRow = (row: DriftReportRow): StoredDriftReport => ({
  driftReportId: row.drift_report_id, family: row.family_id, releaseRef: row.release_ref, release: row.release_id,
  commitNumber: Number(row.commit_number), fromUs: toUsOrNull(row.from_us), toUs: toUsOrNull(row.to_us), verdict: row.verdict,
  features: row.features, detail: row.detail, startedRetraining: row.started_retraining, runId: row.run_id, createdUs: toUs(row.created_us),
})

/** The report of a run, or undefined. */
export async function findDriftReportOfRun(tx: Tx, runId: string): Promise<StoredDriftReport | undefined> {
  const { rows } = await tx.query<DriftReportRow>(
    `select ${DRIFT_REPORT_COLUMNS} from drift_report d join release r using (release_ref) where d.site_id = $1 and d.run_id = $2`, [tx.site, runId],
  )
  return rows.map(driftReportFromRow)[0]
}

/** Adds a report; a run that has one already is a bug of the caller, who holds the run's lock. */
export async function insertDriftReport(tx: Tx, draft: DriftReportDraft): Promise<string> {
  const { rows } = await tx.query<{ drift_report_id: string }>(
    `insert into drift_report (site_id, family_id, release_ref, commit_number, during, verdict, features, detail, started_retraining, run_id)
     values ($1, $2, $3, $4, tstzrange(${usToTimestamp('$5')}, ${usToTimestamp('$6')}), $7, $8, $9, $10, $11) returning drift_report_id`,
    [tx.site, draft.family, draft.releaseRef, draft.commitNumber, draft.fromUs, draft.toUs, draft.verdict, JSON.stringify(draft.features),
      JSON.stringify(draft.detail), draft.startedRetraining, draft.runId],
  )
  return (rows[0] as { drift_report_id: string }).drift_report_id
}

export interface Champion { readonly releaseRef: number; readonly release: string; readonly featureSetRef: number; readonly datasetId: string }

/** The release that judges the family now as champion: for the whole of it, else for some part. */
export async function championOf(tx: Tx, family: string): Promise<Champion | undefined> {
  const { rows } = await tx.query<{ release_ref: number; release_id: string; feature_set_ref: number; dataset_id: string }>(
    `select r.release_ref, r.release_id, r.feature_set_ref, m.dataset_id
     from assignment a join release r using (release_ref) join model_version m using (model_version_ref)
     where a.site_id = $1 and a.family_id = $2 and a.role = 'champion' and a.holds_from <= now() and a.holds_to > now()
     order by a.scope_kind <> 'family', lower(a.valid) desc limit 1`,
    [tx.site, family],
  )
  return rows.map((row) => ({ releaseRef: row.release_ref, release: row.release_id, featureSetRef: row.feature_set_ref, datasetId: row.dataset_id }))[0]
}

/**
 * Whoever starts a retraining of the family holds this, so that whoever looks for one under it sees those that others were
 * about to start. To be taken before {@link retrainingSince}; held to the end of the transaction.
 */
export async function lockRetraining(tx: Tx, site: string, family: string): Promise<void> {
  await tx.query("select pg_advisory_xact_lock(hashtextextended('twinward.retraining.' || $1 || '.' || $2, 0))", [site, family])
}

/** The newest retraining of a family that runs or was asked for since an instant, failed ones apart; null without one. */
export async function retrainingSince(tx: Tx, family: string, sinceUs: number): Promise<string | null> {
  const { rows } = await tx.query<{ operation_id: string }>(
    `select operation_id from operation
     where site_id = $1 and kind = 'retrain-model' and request -> 'input' ->> 'family' = $2
       and (ended_at is null or (created_at >= ${usToTimestamp('$3')} and state = 'succeeded'))
     order by created_at desc limit 1`,
    [tx.site, family, sinceUs],
  )
  return rows[0]?.operation_id ?? null
}
