import { nextDue, type AlertDue } from '../domain/alerts/deadlines.ts'
import { noteAlertEvent } from '../store/alert-events.ts'
import { lockAlert, markClosed, markEscalated, markOverdue, markShelved, type AlertRow } from '../store/alert-rows.ts'
import { inSite, type Tx } from '../store/transaction.ts'
import type { ServiceContext } from './context.ts'

export interface AlertTended { readonly closed: boolean; readonly nextDueUs: number | null }

/**
 * Does to an episode whatever the wall clock has made due (overdue, each escalation step, end of shelving, automatic
 * closing) and says when to come again. The lifecycle's only activity: running it twice, or late, is harmless.
 */
export async function tendAlert(ctx: Pick<ServiceContext, 'pool' | 'nowUs'>, input: { site: string; alert: string }): Promise<AlertTended> {
  return inSite(ctx.pool, input.site, async (tx) => {
    const nowUs = ctx.nowUs()
    for (;;) {
      const alert = await lockAlert(tx, input.alert)
      if (alert.state === 'closed') return { closed: true, nextDueUs: null }
      const due = nextDue(alert)
      if (due === null) return { closed: false, nextDueUs: null }
      if (due.atUs > nowUs) return { closed: false, nextDueUs: due.atUs }
      await carryOut(tx, alert, due, nowUs)
    }
  })
}

async function carryOut(tx: Tx, alert: AlertRow, due: AlertDue, nowUs: number): Promise<void> {
  const { alertId, site } = alert
  const facts = { asset: alert.asset, rule: alert.ruleId, severity: alert.severity, recommendedAction: alert.recommendedAction }
  const note = (kind: 'overdue' | 'escalated' | 'unshelved' | 'closed', detail: Record<string, unknown> = {}) =>
    noteAlertEvent(tx, { site, alertId, kind, actorId: 'twinward:clock', atUs: nowUs, detail: { ...facts, ...detail }, wake: false })
  switch (due.what) {
    case 'overdue':
      await markOverdue(tx, alertId, nowUs)
      return note('overdue')
    case 'escalate':
      await markEscalated(tx, alertId, due.level)
      return note('escalated', { level: due.level, to: due.to })
    case 'unshelve':
      await markShelved(tx, alertId, null)
      return note('unshelved')
    case 'close':
      await markClosed(tx, alertId, nowUs)
      return note('closed', { because: 'acknowledged and back to normal' })
  }
}
