import { byText, type RaisedEpisode } from './fold-columns.ts'

const DAY_US = 86_400_000_000

/** Alerts that one owner would have got, before and after. Days are UTC; those without any alert are left out. */
export interface OwnerLoad {
  /** Null: machines that nobody owns. */
  readonly owner: string | null
  readonly before: { readonly alerts: number; readonly perDay: number; readonly busiestDay: number }
  readonly after: { readonly alerts: number; readonly perDay: number; readonly busiestDay: number }
  readonly days: readonly { readonly day: string; readonly before: number; readonly after: number }[]
}

/** A stretch of less than a day counts as one: an hour with an alert is not 24 alerts a day. */
export const daysOf = (span: { fromUs: number; toUs: number }): number => Math.max(1, (span.toUs - span.fromUs) / DAY_US)

/** Alert load by owner and day; every owner of a machine is named, also one who would have got none. */
export function alertLoad(
  runs: { before: readonly RaisedEpisode[]; after: readonly RaisedEpisode[] }, owners: ReadonlyMap<string, string | null>, span: { fromUs: number; toUs: number },
): OwnerLoad[] {
  const loads = new Map<string | null, Map<string, { before: number; after: number }>>([...new Set(owners.values())].map((owner) => [owner, new Map()]))
  for (const side of ['before', 'after'] as const) {
    for (const { asset, raisedUs } of runs[side]) {
      const owner = owners.get(asset) ?? null
      const days = loads.get(owner) ?? new Map<string, { before: number; after: number }>()
      loads.set(owner, days)
      const day = new Date(raisedUs / 1000).toISOString().slice(0, 10)
      const counts = days.get(day) ?? { before: 0, after: 0 }
      counts[side]++
      days.set(day, counts)
    }
  }
  const length = daysOf(span)
  return [...loads].sort(([a], [b]) => byText(a ?? '\uffff', b ?? '\uffff')).map(([owner, days]) => {
    const counts = [...days].sort(([a], [b]) => byText(a, b)).map(([day, count]) => ({ day, ...count }))
    const total = (side: 'before' | 'after') => {
      const alerts = counts.reduce((sum, count) => sum + count[side], 0)
      return { alerts, perDay: alerts / length, busiestDay: counts.reduce((most, count) => Math.max(most, count[side]), 0) }
    }
    return { owner, before: total('before'), after: total('after'), days: counts }
  })
}
