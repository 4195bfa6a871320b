import { demand, type Actor } from '../../domain/access/rights.ts'
import { timestampToUs, usToTimestamp } from '../../store/sql-time.ts'
import { inSite } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'
import { decodeCursor, toPage, type Page, type PageInput } from './page.ts'
import { fromUsOf, iso, isoOrNull, toUsOf } from './rows.ts'

export interface MaintenanceView {
  readonly id: string
  readonly asset: string
  readonly component: string | null
  readonly kind: 'stop' | 'inspection' | 'repair' | 'replacement' | 'failure'
  readonly start: string
  readonly end: string | null
  readonly failureMode: string | null
  readonly note: string
  readonly workOrder: string | null
  readonly recordedBy: string
  readonly recordedAt: string
}

/** What maintenance did or found, newest recorded first. */
export async function listMaintenance(
  ctx: ServiceContext, actor: Actor,
  input: PageInput & { site: string; asset?: string | undefined; fromUs?: number | undefined; toUs?: number | undefined },
): Promise<Page<MaintenanceView>> {
  demand(actor, 'read', input.site)
  const [beforeUs, beforeId] = decodeCursor(input.cursor, ['number', 'string'])
  const rows = await inSite(ctx.pool, input.site, async (tx) => (await tx.query<{
    maintenance_id: string; asset_id: string; component_id: string | null; kind: MaintenanceView['kind']; from_us: string; to_us: string | null
    failure_mode: string | null; note: string; work_order: string | null; recorded_by: string; recorded_us: string
  }>(
    `select m.maintenance_id, a.asset_id, m.component_id, m.kind, ${fromUsOf('m.during')} as from_us, ${toUsOf('m.during')} as to_us,
            m.failure_mode, m.note, m.work_order, m.recorded_by, ${timestampToUs('m.recorded_at')} as recorded_us
     from maintenance_event m join asset a using (asset_ref)
     where m.site_id = $1 and ($2::text is null or a.asset_id = $2)
       and m.during && tstzrange(${usToTimestamp('$3')}, ${usToTimestamp('$4')})
       and ($5::bigint is null or (m.recorded_at, m.maintenance_id) < (${usToTimestamp('$5')}, $6::uuid))
     order by m.recorded_at desc, m.maintenance_id desc limit $7`,
    [input.site, input.asset ?? null, input.fromUs ?? null, input.toUs ?? null, beforeUs, beforeId, input.limit + 1],
  )).rows)
  return toPage(rows, input.limit, (row): MaintenanceView => ({
    id: row.maintenance_id, asset: row.asset_id, component: row.component_id, kind: row.kind, start: iso(row.from_us), end: isoOrNull(row.to_us),
    failureMode: row.failure_mode, note: row.note, workOrder: row.work_order, recordedBy: row.recorded_by, recordedAt: iso(row.recorded_us),
  }), (row) => [Number(row.recorded_us), row.maintenance_id])
}
