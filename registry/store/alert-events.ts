import type { AlertEventKind } from '../domain/contract/bus-event.ts'
import { announce } from './outbox.ts'
import { usToTimestamp } from './sql-time.ts'
import type { Tx } from './transaction.ts'
import { signalWorkflow } from './workflow-calls.ts'

export interface AlertEvent {
  readonly site: string
  readonly alertId: string
  readonly kind: AlertEventKind
  readonly actorId: string
  readonly atUs: number
  readonly detail: Record<string, unknown>
  /** False where the lifecycle itself did it and needs no word about it. */
  readonly wake?: boolean
  /** False: whom it would call has been called, or has answered; it goes on the bus alone. */
  readonly calls?: boolean
}

/**
 * Writes one line of an episode's history, tells bus and receivers, and has the lifecycle read the row again. An
 * episode that does not page stays off the webhooks, and so does a shelved one until somebody answers it: shelving
 * means not to be called (ISA-18.2).
 */
export async function noteAlertEvent(tx: Tx, event: AlertEvent): Promise<void> {
  const { rows } = await tx.query<{ alert_event_id: string }>(
    `insert into alert_event (site_id, alert_id, kind, actor_id, detail, at)
     values ($1, $2, $3, $4, $5, ${usToTimestamp('$6')}) returning alert_event_id`,
    [event.site, event.alertId, event.kind, event.actorId, JSON.stringify(event.detail), event.atUs],
  )
  const alert = await tx.query<{ pages: boolean; shelved: boolean }>(
    `select pages, shelved_until is not null and shelved_until > ${usToTimestamp('$2')} as shelved from alert where alert_id = $1`,
    [event.alertId, event.atUs],
  )
  const { pages, shelved } = alert.rows[0] ?? { pages: false, shelved: false }
  const callsPeople = event.kind === 'raised-again' || event.kind === 'overdue' || event.kind === 'escalated' || event.kind === 'returned-to-normal'
  await announce(tx, {
    id: `alert-event/${rows[0]?.alert_event_id}`, type: `alert.${event.kind}`, atUs: event.atUs, site: event.site,
    data: { alert: event.alertId, actor: event.actorId, ...event.detail }, webhooks: event.calls !== false && pages && !(shelved && callsPeople),
  })
  if (event.kind === 'raised' || event.wake === false) return
  await signalWorkflow(tx, event.site, `alert/${event.alertId}`, 'alertChanged', `alert-event/${rows[0]?.alert_event_id}`)
}
