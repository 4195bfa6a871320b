import type { AlertClock } from '../domain/alerts/deadlines.ts'
import { refuse } from '../domain/errors.ts'
import type { Routing } from '../domain/policy/policy.ts'
import { timestampToUs, toUs, toUsOrNull, usToTimestamp } from './sql-time.ts'
import type { Tx } from './transaction.ts'

export type AlertState = AlertClock['state']

export interface AlertRow extends AlertClock {
  readonly alertId: string
  readonly site: string
  readonly assetRef: number
  readonly asset: string
  readonly ruleId: string
  readonly severity: string
  readonly failureMode: string | null
  readonly recommendedAction: string
  /** Event time. */
  readonly raisedUs: number
  readonly clearedUs: number | null
}

interface Row {
  alert_id: string; site_id: string; asset_ref: number; asset_id: string; rule_id: string; state: AlertState; severity: string
  failure_mode: string | null; recommended_action: string; pages: boolean; routing: Routing; overdue: boolean; escalation_level: number
  close_after_s: number; called_us: string; shelved_us: string | null; returned_us: string | null; acknowledged_us: string | null
  raised_us: string; cleared_us: string | null
}

/** The episode, locked until the transaction ends. Refuses (`not_found`). */
export async function lockAlert(tx: Tx, alertId: string): Promise<AlertRow> {
  const { rows } = await tx.query<Row>(
    `select a.alert_id, a.site_id, a.asset_ref, s.asset_id, a.rule_id, a.state, a.severity, a.failure_mode, a.recommended_action, a.pages,
            a.routing, a.overdue_at is not null as overdue, a.escalation_level, a.close_after_s, ${timestampToUs('a.called_at')} as called_us,
            ${timestampToUs('a.shelved_until')} as shelved_us, ${timestampToUs('a.returned_at')} as returned_us,
            ${timestampToUs('a.acknowledged_at')} as acknowledged_us, ${timestampToUs('a.raised_at')} as raised_us,
            ${timestampToUs('a.cleared_at')} as cleared_us
     from alert a join asset s using (asset_ref) where a.alert_id = $1 for update of a`,
    [alertId],
  )
  const row = rows[0]
  if (!row) return refuse('not_found', `there is no alert ${alertId} at site ${tx.site}`, { alert: alertId })
  return {
    alertId: row.alert_id, site: row.site_id, assetRef: row.asset_ref, asset: row.asset_id, ruleId: row.rule_id, state: row.state,
    severity: row.severity, failureMode: row.failure_mode, recommendedAction: row.recommended_action, pages: row.pages, routing: row.routing,
    overdue: row.overdue, escalationLevel: row.escalation_level, closeAfterSeconds: row.close_after_s, calledUs: toUs(row.called_us),
    shelvedUntilUs: toUsOrNull(row.shelved_us), returnedUs: toUsOrNull(row.returned_us), acknowledgedUs: toUsOrNull(row.acknowledged_us),
    raisedUs: toUs(row.raised_us), clearedUs: toUsOrNull(row.cleared_us),
  }
}

export async function markAcknowledged(tx: Tx, alertId: string, by: string, nowUs: number): Promise<void> {
  await tx.query(
    `update alert set state = 'acknowledged', acknowledged_at = ${usToTimestamp('$3')}, acknowledged_by = $2, shelved_until = null where alert_id = $1`,
    [alertId, by, nowUs],
  )
}

export async function markShelved(tx: Tx, alertId: string, untilUs: number | null): Promise<void> {
  await tx.query(`update alert set shelved_until = ${usToTimestamp('$2')} where alert_id = $1`, [alertId, untilUs])
}

export async function markOverdue(tx: Tx, alertId: string, nowUs: number): Promise<void> {
  await tx.query(`update alert set overdue_at = ${usToTimestamp('$2')} where alert_id = $1`, [alertId, nowUs])
}

export async function markEscalated(tx: Tx, alertId: string, level: number): Promise<void> {
  await tx.query('update alert set escalation_level = $2 where alert_id = $1', [alertId, level])
}

export async function markClosed(tx: Tx, alertId: string, nowUs: number): Promise<void> {
  await tx.query(`update alert set state = 'closed', closed_at = ${usToTimestamp('$2')}, shelved_until = null where alert_id = $1`, [alertId, nowUs])
}

/** Episodes that are not closed, for the reconciler. */
export async function openAlerts(tx: Tx, limit = 1000): Promise<{ site: string; alertId: string }[]> {
  const { rows } = await tx.query<{ site_id: string; alert_id: string }>(
    "select site_id, alert_id from alert where state <> 'closed' order by created_at limit $1", [limit],
  )
  return rows.map((row) => ({ site: row.site_id, alertId: row.alert_id }))
}
