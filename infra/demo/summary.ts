import { isoToMicros } from '../../registry/domain/contract/time.ts'
import { formatTable } from '../cli/print.ts'
import type { Demo } from './context.ts'
import type { AlertView } from './steps/answer-alert.ts'
import type { Replayed } from './steps/replay.ts'
import type { Trained } from './steps/train.ts'

export interface DemoReport {
  readonly readings: number
  readonly waveforms: number
  readonly windows: number
  readonly scores: number
  readonly quarantined: number
  readonly alerts: number
  readonly falseAlerts: number
  readonly leadTimeHours: number
  readonly release: string
  readonly driftVerdict: string
  readonly replayClass: string
  readonly rolledBackTo: string
  readonly lineage: readonly string[]
}

interface Findings { acknowledged: number; first: Trained; alert: AlertView; drift: { verdict: string; release: string }; replayed: Replayed; rolledBack: { release: string } }
interface Lineage { nodes: { id: string; kind: string; label: string; detail: string | null; level: number }[] }

const DAY_US = 86_400e6

/** The table at the end, from the platform's own answers held against what really happened in the plant. */
export async function summarise({ people, narrator, plant, truth }: Demo, found: Findings): Promise<DemoReport> {
  const site = plant.site
  const totals = await people.rita.get<{ readings: number; waveforms: number; windows: number; scores: number; quarantined: number }>('/v1/batches/totals', { site })
  const alerts = (await people.rita.get<{ items: AlertView[] }>('/v1/alerts', { site, limit: 500 })).items
  const lineage = await people.rita.get<Lineage>('/v1/lineage', { site, alert: found.alert.id })
  const report: DemoReport = {
    readings: totals.readings, waveforms: totals.waveforms, windows: totals.windows, scores: totals.scores, quarantined: totals.quarantined,
    alerts: alerts.length, falseAlerts: alerts.filter((alert) => !explained(alert, truth)).length,
    leadTimeHours: Math.round((truth.bearing.failureUs - isoToMicros(found.alert.raisedAt)) / 3.6e9 * 10) / 10,
    release: found.first.release, driftVerdict: found.drift.verdict, replayClass: found.replayed.class, rolledBackTo: found.rolledBack.release,
    lineage: byKind(lineage.nodes),
  }
  const rows: [string, string][] = [
    ['readings in', report.readings.toLocaleString('en')],
    ['waveforms in', report.waveforms.toLocaleString('en')],
    ['rows quarantined', String(report.quarantined)],
    ['windows', report.windows.toLocaleString('en')],
    ['scores', report.scores.toLocaleString('en')],
    ['alert before the bearing failed by', `${report.leadTimeHours} h (${(report.leadTimeHours / 24).toFixed(1)} days)`],
    ['alert episodes', String(report.alerts)],
    ['of them without a cause in the plant', String(report.falseAlerts)],
    ['in force', report.rolledBackTo],
    ['replay', report.replayClass],
  ]
  for (const line of formatTable(rows.map(([what, value]) => ({ what, value })), ['what', 'value']).trimEnd().split('\n')) narrator.say(line)
  narrator.say('')
  narrator.say('Lineage of the alert, from the decision down to raw readings:')
  for (const line of report.lineage) narrator.say(`  ${line}`)
  if (report.leadTimeHours <= 0) throw new Error('The alert came after the failure.')
  return report
}

/** One line a kind, from the decision down: the first of it, and how many more there are. */
function byKind(nodes: Lineage['nodes']): string[] {
  const kinds = new Map<string, Lineage['nodes']>()
  for (const node of [...nodes].sort((a, b) => a.level - b.level)) kinds.set(node.kind, [...kinds.get(node.kind) ?? [], node])
  return [...kinds].map(([kind, [first, ...rest]]) =>
    `${kind}: ${first?.label ?? ''}${first?.detail ? ` (${first.detail})` : ''}${rest.length > 0 ? `, and ${rest.length} more` : ''}`)
}

/** An alert has a cause if its machine had a growing defect or a failing sensor when it was raised (a day's grace after). */
function explained(alert: AlertView, truth: Demo['truth']): boolean {
  const at = isoToMicros(alert.raisedAt)
  if (alert.asset === truth.bearing.asset) return at >= truth.bearing.onsetUs
  if (alert.asset === truth.sensor.asset) return at >= truth.sensor.onsetUs
  return alert.asset === truth.stop.asset && at >= truth.stop.fromUs && at <= truth.stop.toUs + DAY_US
}
