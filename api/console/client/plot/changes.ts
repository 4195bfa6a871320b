import type { LinkedComparison } from '../../../../registry/services/back-test/stored-slice.ts'

export type Comparison = LinkedComparison

/** One changed alert, where it stands on a time axis from 0 to 1. */
export interface Placed {
  readonly key: string
  readonly kind: 'gained' | 'lost' | 'moved'
  readonly rule: string
  readonly atMs: number
  readonly x: number
  /** Where a moved one was before; null for the others. */
  readonly fromX: number | null
  /** `2 h earlier`; empty where it did not move. */
  readonly shift: string
  /** The alert that was raised then, where there is one. */
  readonly href: string | null
}

/** Machines with changes, those with the most first. */
export function placeChanges(comparison: Pick<Comparison, 'gained' | 'lost' | 'moved'>, startMs: number, endMs: number): { asset: string; changes: Placed[] }[] {
  const at = (iso: string) => Math.min(1, Math.max(0, endMs > startMs ? (Date.parse(iso) - startMs) / (endMs - startMs) : 0.5))
  const rows = new Map<string, Placed[]>()
  for (const kind of ['gained', 'lost', 'moved'] as const) {
    for (const change of comparison[kind]) {
      const moved = 'before' in change ? change : null
      const placed = {
        key: `${kind} ${change.rule} ${change.raised}`, kind, rule: change.rule, atMs: Date.parse(change.raised), x: at(change.raised),
        fromX: moved === null ? null : at(moved.before), shift: moved === null ? '' : shiftText(moved.shiftSeconds), href: change.alert === null ? null : `/alerts/${change.alert}`,
      }
      rows.set(change.asset, [...rows.get(change.asset) ?? [], placed])
    }
  }
  return [...rows].map(([asset, changes]) => ({ asset, changes })).sort((a, b) => b.changes.length - a.changes.length || (a.asset < b.asset ? -1 : 1))
}

const UNITS = [[86_400, 'd'], [3600, 'h'], [60, 'min'], [1, 's']] as const

/** Two digits are enough to see how much earlier or later. */
export function shiftText(seconds: number): string {
  const [size, unit] = UNITS.find(([of]) => Math.abs(seconds) >= of) ?? [1, 's']
  return `${Number((Math.abs(seconds) / size).toPrecision(2))} ${unit} ${seconds < 0 ? 'earlier' : 'later'}`
}
