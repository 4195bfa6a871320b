import { refuse } from '../errors.ts'
import { policySchema, type Policy, type PolicyRule } from '../policy/policy.ts'
import { withEpisodes } from './back-test.ts'
import { daysOf } from './alert-load.ts'
import { foldEpisodes, type AssetSeries } from './fold-columns.ts'
import type { AssetEvent } from './lead-time.ts'

const HOUR_US = 3_600_000_000

/** What a policy would have come to with one rule's levels set so; figures about failures are null where none is recorded. */
export interface TradeOffPoint {
  readonly raiseAt: number
  readonly clearAt: number
  /** Of all rules together, as people get them. */
  readonly alerts: number
  readonly alertsPerDay: number
  readonly caught: number | null
  readonly late: number | null
  readonly missed: number | null
  readonly falseEpisodes: number | null
  readonly medianLeadHours: number | null
  /** Failures that had at least the wanted lead. */
  readonly inTime: number | null
}

export interface TradeOffInput {
  readonly series: readonly AssetSeries[]
  readonly policy: Policy
  /** Whose levels move; the other rules stay. */
  readonly rule: PolicyRule
  readonly failures: readonly AssetEvent[]
  readonly span: { readonly fromUs: number; readonly toUs: number }
  readonly leadHours: number | null
}

/** Levels tried: enough for a curve, few enough for a second over months of a family. */
const LEVELS = 40

/**
 * The curve from many alerts to none: levels at which ever smaller shares of the windows lie beyond, each with its clear
 * level as far away as it is now (for a confidence, by the same ratio of what is missing to 1), but always one that each
 * machine is back within in ordinary running: an alarm must end. The levels in force are one of them. Most sensitive first.
 */
export function tradeOff({ series, policy, rule, failures, span, leadHours }: TradeOffInput): TradeOffPoint[] {
  const others = foldEpisodes({ rules: policy.rules.filter(({ id }) => id !== rule.id) }, series)
  const days = daysOf(span)
  const fits = (levels: { raiseAt: number; clearAt: number }) => policySchema.safeParse(withLevels(policy, rule.id, levels)).success
  return levelsToTry(series, rule).filter(fits).map(({ raiseAt, clearAt }): TradeOffPoint => {
    const episodes = [...others, ...foldEpisodes({ rules: [{ ...rule, raiseAt, clearAt }] }, series)]
    const { failures: report } = withEpisodes({ series, policy, failures }, episodes)
    return {
      raiseAt, clearAt, alerts: episodes.length, alertsPerDay: episodes.length / days,
      caught: report?.caught ?? null, late: report?.late ?? null, missed: report?.missed ?? null, falseEpisodes: report?.falseEpisodes ?? null,
      medianLeadHours: report?.leadHours?.median ?? null,
      inTime: report === null || leadHours === null ? null : report.outcomes.filter(({ leadUs }) => leadUs !== null && leadUs >= leadHours * HOUR_US).length,
    }
  })
}

/** The policy with other levels for one of its rules. */
export const withLevels = (policy: Policy, ruleId: string, { raiseAt, clearAt }: { raiseAt: number; clearAt: number }): Policy => (
  { ...policy, rules: policy.rules.map((rule) => (rule.id === ruleId ? { ...rule, raiseAt, clearAt } : rule)) })

/** The most sensitive level that raises at most so many alerts a day. Refuses (`insufficient_data`) when even the quietest raises more. */
export function levelForLoad(points: readonly TradeOffPoint[], alertsPerDay: number): TradeOffPoint {
  const within = points.filter((point) => point.alertsPerDay <= alertsPerDay)
  const best = within.reduce<TradeOffPoint | null>((chosen, point) => (chosen === null || point.alerts > chosen.alerts ? point : chosen), null)
  return best ?? refuse('insufficient_data', `no level of this rule brings the load to ${alertsPerDay} alerts a day: the quietest tried raises ${
    points.at(-1)?.alertsPerDay.toFixed(2) ?? 'nothing'}; other rules raise the rest, so change those, or ask for more`, { alertsPerDay })
}

/** The quietest level that has the most failures announced so long before. Refuses (`insufficient_data`) when none is, or none is recorded. */
export function levelForLead(points: readonly TradeOffPoint[], leadHours: number): TradeOffPoint {
  if (points.every(({ inTime }) => inTime === null)) {
    refuse('insufficient_data', 'no failure is recorded in the time that was scored, so no lead can be measured; record failures, look further back, or ask for an alert load', { leadHours })
  }
  const best = points.reduce<TradeOffPoint | null>((chosen, point) => {
    if ((point.inTime ?? 0) === 0) return chosen
    if (chosen === null || (point.inTime ?? 0) > (chosen.inTime ?? 0)) return point
    return point.inTime === chosen.inTime && point.alerts <= chosen.alerts ? point : chosen
  }, null)
  return best ?? refuse('insufficient_data', `no level of this rule announces a recorded failure ${leadHours} hours before; ask for less lead`, { leadHours })
}

function levelsToTry(series: readonly AssetSeries[], rule: PolicyRule): { raiseAt: number; clearAt: number }[] {
  const sorted = finiteValues(series, rule.signal)
  if (sorted.length === 0) refuse('insufficient_data', `no window has a figure for ${rule.signal}, which rule ${rule.id} watches`, { rule: rule.id })
  const above = rule.comparison === 'above'
  const raises = new Set([rule.raiseAt])
  const calm = calmLevel(series, sorted, rule)
  for (let k = 0; k < LEVELS; k++) {
    // Half of the windows beyond, down to none, in even steps of the logarithm.
    const beyond = 0.5 * (2 / sorted.length) ** (k / (LEVELS - 1))
    const place = Math.round((above ? 1 - beyond : beyond) * (sorted.length - 1))
    raises.add(rounded(sorted[place] as number, rule))
  }
  raises.add(rounded(beyondAll(sorted, above, rule), rule))
  return [...raises].sort((a, b) => (above ? a - b : b - a)).map((raiseAt) => ({ raiseAt, clearAt: reachable(clearFor(raiseAt, rule), raiseAt) }))

  /** The levels in force stay as they are: it is them that the others are compared with. */
  function reachable(clearAt: number, raiseAt: number): number {
    if (raiseAt === rule.raiseAt) return clearAt
    return above ? Math.max(clearAt, calm) : Math.min(clearAt, calm)
  }
}

/**
 * A level that every machine is back within in ordinary running: the median of the one with most, and a fiftieth of all that was
 * scored beyond it, since a median alone is passed as often as not.
 */
function calmLevel(series: readonly AssetSeries[], sorted: Float64Array, rule: PolicyRule): number {
  const medians = series.map((one) => finiteValues([one], rule.signal)).filter((own) => own.length > 0).map((own) => own[Math.floor(own.length / 2)] as number)
  const room = ((sorted[sorted.length - 1] as number) - (sorted[0] as number)) / 50
  return rounded(rule.comparison === 'above' ? Math.max(...medians) + room : Math.min(...medians) - room, rule)
}

function finiteValues(series: readonly AssetSeries[], signal: string): Float64Array {
  const columns = series.flatMap(({ columns }) => columns.signals.get(signal) ?? [])
  const all = new Float64Array(columns.reduce((sum, column) => sum + column.length, 0))
  let n = 0
  for (const column of columns) for (const value of column) if (Number.isFinite(value)) all[n++] = value
  return all.subarray(0, n).sort()
}

/** A level that no window reached. */
function beyondAll(sorted: Float64Array, above: boolean, { signal }: PolicyRule): number {
  const [least, most] = [sorted[0] as number, sorted[sorted.length - 1] as number]
  if (signal === 'confidence') return above ? 1 - (1 - most) / 2 : least / 2
  const room = (most - least) / 10 || 1
  return above ? most + room : least - room
}

function clearFor(raiseAt: number, rule: PolicyRule): number {
  if (raiseAt === rule.raiseAt) return rule.clearAt
  if (rule.signal !== 'confidence') return rounded(raiseAt - (rule.raiseAt - rule.clearAt), rule)
  const [raise, clear, now] = [raiseAt, rule.clearAt, rule.raiseAt]
  // The same ratio of what is missing to 1, and never below a twentieth of the way: a level of 0 clears nothing.
  return rounded(rule.comparison === 'above' ? Math.max(raise / 20, 1 - (1 - raise) * ((1 - clear) / (1 - now))) : Math.min(1 - (1 - raise) / 20, raise * (clear / now)), rule)
}

/** As people write levels: a confidence to two digits of what is missing to 1, anything else to four digits. */
function rounded(value: number, { signal }: PolicyRule): number {
  return signal === 'confidence' && value > 0.5 && value < 1 ? Number((1 - Number((1 - value).toPrecision(2))).toPrecision(15)) : Number(value.toPrecision(4))
}
