import { demand, type Actor } from '../../domain/access/rights.ts'
import { timestampToUs, usToTimestamp } from '../../store/sql-time.ts'
import { inSite } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'
import { decodeCursor, toPage, type Page, type PageInput } from './page.ts'
import { fromUsOf, isoOrNull, toUsOf } from './rows.ts'

export type LabelState = 'proposed' | 'accepted' | 'rejected'

export interface LabelView {
  readonly id: string
  readonly asset: string
  readonly from: string | null
  readonly to: string | null
  readonly value: 'normal' | 'faulty'
  readonly failureMode: string | null
  readonly source: 'feedback' | 'maintenance' | 'import'
  readonly sourceId: string
  readonly state: LabelState
  readonly reviewedBy: string | null
  readonly reviewedAt: string | null
}

/** Labels, newest first; those that wait for a review are `proposed`. */
export async function listLabels(
  ctx: ServiceContext, actor: Actor, input: PageInput & { site: string; asset?: string | undefined; state?: LabelState | undefined },
): Promise<Page<LabelView>> {
  demand(actor, 'read', input.site)
  const [beforeUs, beforeId] = decodeCursor(input.cursor, ['number', 'string'])
  const rows = await inSite(ctx.pool, input.site, async (tx) => (await tx.query<{
    label_id: string; asset_id: string; from_us: string | null; to_us: string | null; value: 'normal' | 'faulty'; failure_mode: string | null
    source_kind: LabelView['source']; source_id: string; state: LabelState; reviewed_by: string | null; reviewed_us: string | null; created_us: string
  }>(
    `select l.label_id, a.asset_id, ${fromUsOf('l.during')} as from_us, ${toUsOf('l.during')} as to_us, l.value, l.failure_mode, l.source_kind,
            l.source_id, l.state, l.reviewed_by, ${timestampToUs('l.reviewed_at')} as reviewed_us, ${timestampToUs('l.created_at')} as created_us
     from label l join asset a using (asset_ref)
     where l.site_id = $1 and ($2::text is null or a.asset_id = $2) and ($3::text is null or l.state = $3)
       and ($4::bigint is null or (l.created_at, l.label_id) < (${usToTimestamp('$4')}, $5::uuid))
     order by l.created_at desc, l.label_id desc limit $6`,
    [input.site, input.asset ?? null, input.state ?? null, beforeUs, beforeId, input.limit + 1],
  )).rows)
  return toPage(rows, input.limit, (row): LabelView => ({
    id: row.label_id, asset: row.asset_id, from: isoOrNull(row.from_us), to: isoOrNull(row.to_us), value: row.value, failureMode: row.failure_mode,
    source: row.source_kind, sourceId: row.source_id, state: row.state, reviewedBy: row.reviewed_by, reviewedAt: isoOrNull(row.reviewed_us),
  }), (row) => [Number(row.created_us), row.label_id])
}
