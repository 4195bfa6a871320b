import type { Routing } from '../policy/policy.ts'

/** What the wall clock needs to know of an episode. All times are wall micros. */
export interface AlertClock {
  readonly state: 'unacknowledged' | 'acknowledged' | 'returned-unacknowledged' | 'closed'
  readonly pages: boolean
  readonly routing: Pick<Routing, 'acknowledgeWithinSeconds' | 'escalation'>
  /** When people were last called to answer: at the raise, or when it was raised again. */
  readonly calledUs: number
  readonly overdue: boolean
  /** Escalation steps already taken since `calledUs`. */
  readonly escalationLevel: number
  readonly shelvedUntilUs: number | null
  /** When the signal returned to normal, null while it has not. */
  readonly returnedUs: number | null
  readonly acknowledgedUs: number | null
  readonly closeAfterSeconds: number
}

export type AlertDue =
  | { readonly what: 'overdue'; readonly atUs: number }
  | { readonly what: 'escalate'; readonly atUs: number; readonly level: number; readonly to: string }
  | { readonly what: 'unshelve'; readonly atUs: number }
  | { readonly what: 'close'; readonly atUs: number }

const SECOND_US = 1_000_000

/**
 * The next thing the clock does to an episode, or null when only people or the signal can move it. While it is
 * shelved nothing is called (ISA-18.2: shelving suppresses for a limited time); an answered one that returned to
 * normal closes by itself after a while.
 */
export function nextDue(alert: AlertClock): AlertDue | null {
  if (alert.state === 'closed') return null
  if (alert.state === 'acknowledged') {
    if (alert.returnedUs === null) return shelvingEnd(alert)
    const quietSince = Math.max(alert.returnedUs, alert.acknowledgedUs ?? alert.returnedUs)
    return { what: 'close', atUs: quietSince + alert.closeAfterSeconds * SECOND_US }
  }
  if (alert.shelvedUntilUs !== null) return shelvingEnd(alert)
  if (!alert.pages) return null
  if (!alert.overdue) return { what: 'overdue', atUs: alert.calledUs + alert.routing.acknowledgeWithinSeconds * SECOND_US }
  const step = alert.routing.escalation[alert.escalationLevel]
  if (!step) return null
  return { what: 'escalate', atUs: alert.calledUs + step.afterSeconds * SECOND_US, level: alert.escalationLevel + 1, to: step.to }
}

function shelvingEnd(alert: AlertClock): AlertDue | null {
  return alert.shelvedUntilUs === null ? null : { what: 'unshelve', atUs: alert.shelvedUntilUs }
}
