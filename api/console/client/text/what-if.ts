import { counted } from '../../../../registry/domain/counted.ts'
import type { WhatIfReplay } from '../../../../registry/services/replay/what-if.ts'
import { durationText } from './time.ts'

const figure = (value: number | null): string => (value === null ? 'none' : Number(value.toPrecision(4)).toString())

export function scoresText({ scores: { differing, greatest } }: Pick<WhatIfReplay, 'scores'>): string {
  if (differing === 0) return 'none differs'
  return `${counted(differing, 'differs', 'differ')}${greatest ? `, at most from ${figure(greatest.before.score)} to ${figure(greatest.after.score)}` : ''}`
}

export function decisionsText({ decisions: { differing, first } }: Pick<WhatIfReplay, 'decisions'>): string {
  if (first === null) return 'none differs'
  const said = (decided: { fired: string | null } | null) => decided?.fired ?? 'nothing'
  return `${counted(differing, 'differs', 'differ')}: ${said(first.before)} then, ${said(first.after)} here`
}

export interface ChangeRow { readonly what: string; readonly rule: string; readonly lane: string; readonly raised: string; readonly alert: string | null }

/** What becomes of alerts, by time. */
export function changesOf({ gained, lost, moved }: Pick<WhatIfReplay, 'gained' | 'lost' | 'moved'>): ChangeRow[] {
  const row = (what: string, { rule, lane, raised, alert }: Omit<ChangeRow, 'what'>): ChangeRow => ({ what, rule, lane, raised, alert })
  return [
    ...gained.map((change) => row('gained', change)), ...lost.map((change) => row('lost', change)),
    ...moved.map((change) => row(`${durationText(Math.abs(change.shiftSeconds) * 1000)} ${change.shiftSeconds < 0 ? 'earlier' : 'later'}`, change)),
  ].sort((a, b) => Date.parse(a.raised) - Date.parse(b.raised))
}
