import { counted } from '../../../../registry/domain/counted.ts'
import type { IncidentView } from '../../../../registry/services/read/incidents.ts'

/** What nobody has in hand stands out. */
export const INCIDENT_BADGE = { open: 'unacknowledged', acknowledged: 'acknowledged', closed: 'closed' } as const

export function windowsText({ windows, goodAgain }: Pick<IncidentView, 'windows' | 'goodAgain'>): string {
  if (goodAgain === 0) return counted(windows, 'window')
  return goodAgain === windows ? `${counted(windows, 'window')}, ${windows === 1 ? '' : 'all '}good when last replayed` : `${counted(windows, 'window')}, ${goodAgain} good when last replayed`
}

/** A figure to all its digits, since they may differ in the last; anything else as it is stored. */
export function valueText(value: unknown): string {
  return value === null || value === undefined ? 'nothing' : typeof value === 'string' ? value : JSON.stringify(value, null, 2)
}
