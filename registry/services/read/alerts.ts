import { demand, type Actor } from '../../domain/access/rights.ts'
import type { Severity } from '../../domain/contract/scored-event.ts'
import { refuse } from '../../domain/errors.ts'
import { timestampToUs, usToTimestamp } from '../../store/sql-time.ts'
import { inSite } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'
import { decodeCursor, toPage, type Page, type PageInput } from './page.ts'
import { iso, isoOrNull, ofSite } from './rows.ts'

export type AlertState = 'unacknowledged' | 'acknowledged' | 'returned-unacknowledged' | 'closed'

export interface AlertView {
  readonly id: string
  readonly site: string
  readonly asset: string
  readonly rule: string
  readonly state: AlertState
  readonly severity: Severity
  readonly failureMode: string | null
  readonly recommendedAction: string
  readonly release: string
  readonly scoreId: string
  /** Event time. */
  readonly raisedAt: string
  readonly clearedAt: string | null
  readonly pages: boolean
  /** From here on wall time. */
  readonly createdAt: string
  readonly acknowledgeBy: string | null
  readonly acknowledgedAt: string | null
  readonly acknowledgedBy: string | null
  readonly overdueAt: string | null
  readonly escalationLevel: number
  readonly shelvedUntil: string | null
  readonly closedAt: string | null
}

export interface AlertDetail extends AlertView {
  readonly events: readonly { readonly kind: string; readonly actor: string; readonly at: string; readonly detail: Record<string, unknown> }[]
  readonly workOrder: { readonly number: string; readonly title: string; readonly state: string; readonly createdBy: string; readonly createdAt: string } | null
  readonly feedback: readonly { readonly verdict: string; readonly failureMode: string | null; readonly note: string; readonly by: string; readonly at: string }[]
}

interface Row {
  alert_id: string; site_id: string; asset_id: string; rule_id: string; state: AlertState; severity: Severity; failure_mode: string | null
  recommended_action: string; release_id: string; raised_score_id: string; raised_us: string; cleared_us: string | null; pages: boolean
  created_us: string; by_us: string | null; acknowledged_us: string | null; acknowledged_by: string | null; overdue_us: string | null
  escalation_level: number; shelved_us: string | null; closed_us: string | null
}

const SELECT = `select al.alert_id, al.site_id, a.asset_id, al.rule_id, al.state, al.severity, al.failure_mode, al.recommended_action, r.release_id,
    al.raised_score_id, ${timestampToUs('al.raised_at')} as raised_us, ${timestampToUs('al.cleared_at')} as cleared_us, al.pages,
    ${timestampToUs('al.created_at')} as created_us, ${timestampToUs('al.acknowledge_by')} as by_us,
    ${timestampToUs('al.acknowledged_at')} as acknowledged_us, al.acknowledged_by, ${timestampToUs('al.overdue_at')} as overdue_us,
    al.escalation_level, ${timestampToUs('al.shelved_until')} as shelved_us, ${timestampToUs('al.closed_at')} as closed_us
  from alert al
  join asset a on a.asset_ref = al.asset_ref
  join release r on r.release_ref = al.release_ref`

export interface AlertsInput extends PageInput {
  readonly site: string
  readonly asset?: string | undefined
  readonly state?: AlertState | 'open' | undefined
  readonly severity?: Severity | undefined
  /** Raised by this one. */
  readonly release?: string | undefined
}

/** Alert episodes, newest first; `open` is every state but closed. `site` may be `*`. */
export async function listAlerts(ctx: ServiceContext, actor: Actor, input: AlertsInput): Promise<Page<AlertView>> {
  demand(actor, 'read', input.site)
  const [beforeUs, beforeId] = decodeCursor(input.cursor, ['number', 'string'])
  const rows = await inSite(ctx.pool, input.site, async (tx) => (await tx.query<Row>(
    `${SELECT}
     where ${ofSite(tx, 'al.site_id')} and ($1::text is null or a.asset_id = $1)
       and ($2::text is null or al.state = $2 or ($2 = 'open' and al.state <> 'closed')) and ($3::text is null or al.severity = $3) and ($7::text is null or r.release_id = $7)
       and ($4::bigint is null or (al.created_at, al.alert_id) < (${usToTimestamp('$4')}, $5::uuid))
     order by al.created_at desc, al.alert_id desc limit $6`,
    [input.asset ?? null, input.state ?? null, input.severity ?? null, beforeUs, beforeId, input.limit + 1, input.release ?? null],
  )).rows)
  return toPage(rows, input.limit, viewOf, (row) => [Number(row.created_us), row.alert_id])
}

/** One episode with its history, work order and feedback. Refuses (`not_found`). */
export async function getAlert(ctx: ServiceContext, actor: Actor, input: { site: string; alert: string }): Promise<AlertDetail> {
  demand(actor, 'read', input.site)
  return inSite(ctx.pool, input.site, async (tx) => {
    const { rows } = await tx.query<Row>(`${SELECT} where ${ofSite(tx, 'al.site_id')} and al.alert_id = $1`, [input.alert])
    const row = rows[0]
    if (!row) return refuse('not_found', `there is no alert ${input.alert}; GET /v1/alerts lists them`, { alert: input.alert })
    const events = await tx.query<{ kind: string; actor_id: string; detail: Record<string, unknown>; at_us: string }>(
      `select kind, actor_id, detail, ${timestampToUs('at')} as at_us from alert_event where alert_id = $1 order by alert_event_id limit 1000`, [input.alert],
    )
    const orders = await tx.query<{ number: string; title: string; state: string; created_by: string; created_us: string }>(
      `select number, title, state, created_by, ${timestampToUs('created_at')} as created_us from work_order where alert_id = $1`, [input.alert],
    )
    const feedback = await tx.query<{ verdict: string; failure_mode: string | null; note: string; given_by: string; given_us: string }>(
      `select verdict, failure_mode, note, given_by, ${timestampToUs('given_at')} as given_us from feedback where alert_id = $1 order by given_at`, [input.alert],
    )
    const order = orders.rows[0]
    return {
      ...viewOf(row),
      events: events.rows.map((e) => ({ kind: e.kind, actor: e.actor_id, at: iso(e.at_us), detail: e.detail })),
      workOrder: order ? { number: order.number, title: order.title, state: order.state, createdBy: order.created_by, createdAt: iso(order.created_us) } : null,
      feedback: feedback.rows.map((f) => ({ verdict: f.verdict, failureMode: f.failure_mode, note: f.note, by: f.given_by, at: iso(f.given_us) })),
    }
  })
}

const viewOf = (row: Row): AlertView => ({
  id: row.alert_id, site: row.site_id, asset: row.asset_id, rule: row.rule_id, state: row.state, severity: row.severity,
  failureMode: row.failure_mode, recommendedAction: row.recommended_action, release: row.release_id, scoreId: row.raised_score_id,
  raisedAt: iso(row.raised_us), clearedAt: isoOrNull(row.cleared_us), pages: row.pages, createdAt: iso(row.created_us),
  acknowledgeBy: isoOrNull(row.by_us), acknowledgedAt: isoOrNull(row.acknowledged_us), acknowledgedBy: row.acknowledged_by,
  overdueAt: isoOrNull(row.overdue_us), escalationLevel: row.escalation_level, shelvedUntil: isoOrNull(row.shelved_us), closedAt: isoOrNull(row.closed_us),
})
