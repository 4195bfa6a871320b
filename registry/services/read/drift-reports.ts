import { demand, type Actor } from '../../domain/access/rights.ts'
import { refuse } from '../../domain/errors.ts'
import { timestampToUs, usToTimestamp } from '../../store/sql-time.ts'
import { inSite } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'
import { decodeCursor, toPage, type Page, type PageInput } from './page.ts'
import { fromUsOf, iso, isoOrNull, toUsOf } from './rows.ts'

export interface DriftReportView {
  readonly id: string
  readonly family: string
  readonly release: string
  readonly commitNumber: number
  readonly from: string | null
  readonly to: string | null
  readonly verdict: 'drift' | 'none' | 'insufficient_data'
  /** The operation that retrains because of it. */
  readonly startedRetraining: string | null
  readonly createdAt: string
}

interface Row {
  drift_report_id: string; family_id: string; release_id: string; commit_number: string; from_us: string | null; to_us: string | null
  verdict: DriftReportView['verdict']; started_retraining: string | null; created_us: string; features: unknown
}

const COLUMNS = `d.drift_report_id, d.family_id, r.release_id, d.commit_number, ${fromUsOf('d.during')} as from_us, ${toUsOf('d.during')} as to_us,
  d.verdict, d.started_retraining, ${timestampToUs('d.created_at')} as created_us`
const FROM = 'from drift_report d join release r using (release_ref)'

/** Drift reports, newest first. */
export async function listDriftReports(
  ctx: ServiceContext, actor: Actor, input: PageInput & { site: string; family?: string | undefined; verdict?: DriftReportView['verdict'] | undefined },
): Promise<Page<DriftReportView>> {
  demand(actor, 'read', input.site)
  const [beforeUs, beforeId] = decodeCursor(input.cursor, ['number', 'string'])
  const rows = await inSite(ctx.pool, input.site, async (tx) => (await tx.query<Row>(
    `select ${COLUMNS} ${FROM}
     where d.site_id = $1 and ($2::text is null or d.family_id = $2) and ($3::text is null or d.verdict = $3)
       and ($4::bigint is null or (d.created_at, d.drift_report_id) < (${usToTimestamp('$4')}, $5::uuid))
     order by d.created_at desc, d.drift_report_id desc limit $6`,
    [input.site, input.family ?? null, input.verdict ?? null, beforeUs, beforeId, input.limit + 1],
  )).rows)
  return toPage(rows, input.limit, viewOf, (row) => [Number(row.created_us), row.drift_report_id])
}

/** One report with its verdict on each feature. Refuses (`not_found`). */
export async function getDriftReport(ctx: ServiceContext, actor: Actor, input: { site: string; report: string }): Promise<DriftReportView & { features: unknown }> {
  demand(actor, 'read', input.site)
  const rows = await inSite(ctx.pool, input.site, async (tx) => (await tx.query<Row>(
    `select ${COLUMNS}, d.features ${FROM} where d.site_id = $1 and d.drift_report_id = $2`, [input.site, input.report],
  )).rows)
  const row = rows[0]
  if (!row) return refuse('not_found', `site ${input.site} has no drift report ${input.report}; GET /v1/drift-reports lists those it has`, { report: input.report })
  return { ...viewOf(row), features: row.features }
}

const viewOf = (row: Row): DriftReportView => ({
  id: row.drift_report_id, family: row.family_id, release: row.release_id, commitNumber: Number(row.commit_number), from: isoOrNull(row.from_us),
  to: isoOrNull(row.to_us), verdict: row.verdict, startedRetraining: row.started_retraining, createdAt: iso(row.created_us),
})
