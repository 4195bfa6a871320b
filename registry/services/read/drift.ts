import { demand, type Actor } from '../../domain/access/rights.ts'
import { microsToIso } from '../../domain/contract/time.ts'
import type { DriftVerdict, FeatureDrift } from '../../domain/drift/verdict.ts'
import { refuse } from '../../domain/errors.ts'
import { DRIFT_REPORT_COLUMNS, driftReportFromRow, type DriftReportRow } from '../../store/drift-reports.ts'
import { inSite } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'
import { decodeCursor, toPage, type Page, type PageInput } from './page.ts'

export interface DriftReportView {
  readonly site: string
  readonly id: string
  readonly family: string
  /** Whose training data was the reference. */
  readonly release: string
  readonly verdict: DriftVerdict
  readonly commitNumber: number
  /** Event time of the windows compared; null when there were none. */
  readonly from: string | null
  readonly to: string | null
  /** Names of the features that drifted, the largest KS first; and all that were looked at, with their numbers. */
  readonly drifting: readonly string[]
  readonly features: readonly FeatureDrift[]
  readonly thresholds: unknown
  /** Operation of the retraining that it started (or that was under way). */
  readonly retraining: string | null
  readonly createdAt: string
}

const FROM = 'from drift_report d join release r using (release_ref)'

/** Drift reports of a site, newest first; of one family when given. */
export async function listDriftReports(
  ctx: ServiceContext, actor: Actor, input: PageInput & { site: string; family?: string | undefined },
): Promise<Page<DriftReportView>> {
  demand(actor, 'read', input.site)
  const [beforeUs, beforeId] = decodeCursor(input.cursor, ['number', 'string'])
  const rows = await inSite(ctx.pool, input.site, async (tx) => (await tx.query<DriftReportRow>(
    `select ${DRIFT_REPORT_COLUMNS} ${FROM}
     where d.site_id = $1 and ($2::text is null or d.family_id = $2)
       and ($3::bigint is null or ((extract(epoch from d.created_at) * 1000000)::bigint, d.drift_report_id) < ($3, $4::uuid))
     order by d.created_at desc, d.drift_report_id desc limit $5`,
    [input.site, input.family ?? null, beforeUs, beforeId, input.limit + 1],
  )).rows)
  return toPage(rows, input.limit, (row) => viewOf(input.site, row), (row) => [Number(row.created_us), row.drift_report_id])
}

/** Refuses (`not_found`) a report that is not there. */
export async function getDriftReport(ctx: ServiceContext, actor: Actor, input: { site: string; id: string }): Promise<DriftReportView> {
  demand(actor, 'read', input.site)
  const rows = await inSite(ctx.pool, input.site, async (tx) => (await tx.query<DriftReportRow>(
    `select ${DRIFT_REPORT_COLUMNS} ${FROM} where d.site_id = $1 and d.drift_report_id = $2`, [input.site, input.id],
  )).rows)
  return viewOf(input.site, rows[0] ?? refuse('not_found', `site ${input.site} has no drift report ${input.id}`, { report: input.id }))
}

function viewOf(site: string, row: DriftReportRow): DriftReportView {
  const report = driftReportFromRow(row)
  const iso = (us: number | null) => (us === null ? null : microsToIso(us))
  return {
    site, id: report.driftReportId, family: report.family, release: report.release, verdict: report.verdict, commitNumber: report.commitNumber,
    from: iso(report.fromUs), to: iso(report.toUs), drifting: (report.detail['drifting'] as string[] | undefined) ?? [],
    features: report.features, thresholds: report.detail['thresholds'] ?? null, retraining: report.startedRetraining,
    createdAt: microsToIso(report.createdUs),
  }
}
