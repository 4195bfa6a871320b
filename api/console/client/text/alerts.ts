import type { AlertRow, Severity, TwinSummary } from '../types.ts'

const RANK: Readonly<Record<Severity, number>> = { urgent: 4, high: 3, medium: 2, low: 1 }
export const rankOf = (severity: Severity | null): number => (severity ? RANK[severity] : 0)

/** ISA-18.2: nobody has taken it in hand yet, be its signal back to normal or not; a shelved one calls nobody for a while. */
export const isUnanswered = (alert: Pick<AlertRow, 'state' | 'shelvedUntil'>): boolean =>
  (alert.state === 'unacknowledged' || alert.state === 'returned-unacknowledged') && alert.shelvedUntil === null

const STATES: Readonly<Record<AlertRow['state'], string>> = {
  unacknowledged: 'unacknowledged', acknowledged: 'acknowledged', 'returned-unacknowledged': 'returned, unacknowledged', closed: 'closed',
}
export const stateText = (state: AlertRow['state']): string => STATES[state]

export interface Need { alert: AlertRow; more: number }

/** Machines that wait for somebody, one alert each: the gravest, of equal ones the one that waits longest. Gravest machine first. */
export function needsOf(alerts: readonly AlertRow[]): Need[] {
  const order = (a: AlertRow, b: AlertRow) => rankOf(b.severity) - rankOf(a.severity) || a.createdAt.localeCompare(b.createdAt)
  const machines = new Map<string, AlertRow[]>()
  for (const alert of alerts.filter(isUnanswered)) {
    const key = `${alert.site}/${alert.asset}`
    machines.set(key, [...machines.get(key) ?? [], alert])
  }
  return [...machines.values()]
    .flatMap((ofMachine) => {
      const [alert, ...others] = ofMachine.sort(order)
      return alert ? [{ alert, more: others.length }] : []
    })
    .sort((a, b) => order(a.alert, b.alert))
}

const HOUR = 3_600_000

/**
 * How long a live machine has been without a new window, in milliseconds; null while that is no longer than usual: three
 * windows, and an hour for what is late.
 */
export function silentFor(twin: Pick<TwinSummary, 'lane' | 'scoredAt' | 'hopSeconds'>, nowMs: number): number | null {
  if (twin.lane !== 'live' || twin.scoredAt === null || twin.hopSeconds === null) return null
  const since = nowMs - Date.parse(twin.scoredAt)
  return since > 3 * twin.hopSeconds * 1000 + HOUR ? since : null
}
