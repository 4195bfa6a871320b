import { demand, type Actor } from '../../domain/access/rights.ts'
import { refuse } from '../../domain/errors.ts'
import { pausableKinds, type OperationState } from '../../store/operations.ts'
import type { RescoreScope } from '../../store/rescores.ts'
import { timestampToUs, usToTimestamp } from '../../store/sql-time.ts'
import { inSite } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'
import { decodeCursor, toPage, type Page, type PageInput } from './page.ts'
import { iso, isoOrNull, ofSite } from './rows.ts'

export interface OperationView {
  readonly id: string
  readonly site: string
  readonly kind: string
  readonly workflowId: string
  readonly state: OperationState
  readonly progress: Record<string, unknown>
  readonly result: unknown
  readonly error: { readonly code: string; readonly message: string } | null
  readonly cancelRequestedAt: string | null
  /** It waits until somebody resumes it: since when, and by whom. */
  readonly paused: { readonly at: string; readonly by: string } | null
  /** Of a rescore: which windows, by what, and why. */
  readonly rescore: { readonly scope: RescoreScope; readonly from: string; readonly to: string; readonly release: string | null; readonly reason: string } | null
  /** Whether it can wait in the middle; none that has ended can. */
  readonly pausable: boolean
  readonly requestedBy: string
  readonly createdAt: string
  readonly updatedAt: string
  readonly endedAt: string | null
}

interface Row {
  operation_id: string; site_id: string; kind: string; workflow_id: string; state: OperationState; progress: Record<string, unknown>; result: unknown
  error: { code: string; message: string } | null; cancel_us: string | null; paused_us: string | null; paused_by: string | null; scope: RescoreScope | null; after_us: string | null; through_us: string | null; release_id: string | null; reason: string | null; requested_by: string; created_us: string; updated_us: string; ended_us: string | null
}

const SELECT = `select o.operation_id, o.site_id, o.kind, o.workflow_id, o.state, o.progress, o.result, o.error, ${timestampToUs('o.cancel_requested_at')} as cancel_us,
    ${timestampToUs('o.paused_at')} as paused_us, o.paused_by, x.scope, ${timestampToUs('x.after_end')} as after_us, ${timestampToUs('x.through_end')} as through_us, r.release_id, x.reason,
    o.requested_by, ${timestampToUs('o.created_at')} as created_us, ${timestampToUs('o.updated_at')} as updated_us, ${timestampToUs('o.ended_at')} as ended_us
  from operation o left join rescore x using (operation_id) left join release r using (release_ref)`

/** What people asked for, newest first. `site` may be `*`. */
export async function listOperations(
  ctx: ServiceContext, actor: Actor, input: PageInput & { site: string; kind?: string | undefined; state?: OperationState | undefined },
): Promise<Page<OperationView>> {
  demand(actor, 'read', input.site)
  const [beforeUs, beforeId] = decodeCursor(input.cursor, ['number', 'string'])
  const rows = await inSite(ctx.pool, input.site, async (tx) => (await tx.query<Row>(
    `${SELECT}
     where ${ofSite(tx, 'o.site_id')} and ($1::text is null or o.kind = $1) and ($2::text is null or o.state = $2)
       and ($3::bigint is null or (o.created_at, o.operation_id) < (${usToTimestamp('$3')}, $4::uuid))
     order by o.created_at desc, o.operation_id desc limit $5`,
    [input.kind ?? null, input.state ?? null, beforeUs, beforeId, input.limit + 1],
  )).rows)
  return toPage(rows, input.limit, viewOf, (row) => [Number(row.created_us), row.operation_id])
}

/** Refuses (`not_found`) an unknown operation. */
export async function getOperation(ctx: ServiceContext, actor: Actor, input: { site: string; operation: string }): Promise<OperationView> {
  demand(actor, 'read', input.site)
  const rows = await inSite(ctx.pool, input.site, async (tx) => (await tx.query<Row>(
    `${SELECT} where ${ofSite(tx, 'o.site_id')} and o.operation_id = $1`, [input.operation],
  )).rows)
  return rows[0] ? viewOf(rows[0])
    : refuse('not_found', `there is no operation ${input.operation}; GET /v1/operations lists them`, { operation: input.operation })
}

const viewOf = (row: Row): OperationView => ({
  id: row.operation_id, site: row.site_id, kind: row.kind, workflowId: row.workflow_id, state: row.state, progress: row.progress,
  result: row.result ?? null, error: row.error, cancelRequestedAt: isoOrNull(row.cancel_us),
  paused: row.paused_us === null || row.ended_us !== null ? null : { at: iso(row.paused_us), by: row.paused_by ?? '' }, rescore: row.scope === null ? null : { scope: row.scope, from: iso(row.after_us ?? row.created_us), to: iso(row.through_us ?? row.created_us), release: row.release_id, reason: row.reason ?? '' },
  pausable: pausableKinds.has(row.kind) && row.ended_us === null, requestedBy: row.requested_by,
  createdAt: iso(row.created_us), updatedAt: iso(row.updated_us), endedAt: isoOrNull(row.ended_us),
})
