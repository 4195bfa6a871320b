import { microsToIso } from '../contract/time.ts'
import { alertCost, type AlertCost, type AlertCosts } from './alert-cost.ts'
import { alertLoad, type OwnerLoad } from './alert-load.ts'
import type { BackTestRun } from './back-test.ts'
import { byText, type RaisedEpisode } from './fold-columns.ts'
import type { FailureOutcome } from './lead-time.ts'
import { matchEpisodes, type EpisodeChanges } from './match-episodes.ts'

const HOUR_US = 3_600_000_000

/** A span that a person labelled, and an accepted label it is. */
export interface LabelledSpan { readonly asset: string; readonly fromUs: number; readonly toUs: number; readonly value: 'normal' | 'faulty' }

export interface ComparisonContext {
  readonly span: { readonly fromUs: number; readonly toUs: number }
  /** Of every asset of the slice. */
  readonly owners: ReadonlyMap<string, string | null>
  readonly labels: readonly LabelledSpan[]
  readonly costs: AlertCosts
  /** Changes listed of each kind; the counts are whole all the same. */
  readonly listed: number
}

export interface AlertChange { readonly asset: string; readonly rule: string; readonly raised: string; readonly cleared: string | null }
export interface AlertMove extends AlertChange {
  /** When the former policy raised it; `raised` is the new one's. */
  readonly before: string
  /** Below 0: earlier than before. */
  readonly shiftSeconds: number
}

interface Outcome { readonly outcome: FailureOutcome['outcome']; readonly leadHours: number | null }
export interface FailureChange {
  readonly asset: string
  readonly at: string
  readonly before: Outcome
  readonly after: Outcome
  /** Hours of lead won (above 0) or lost; a failure that was or is missed counts as no lead. */
  readonly leadHoursWon: number
}

/** What another policy (or release) would have changed over the same slice of the past. Plain JSON. */
export interface Comparison {
  readonly alerts: { readonly before: number; readonly after: number; readonly kept: number; readonly moved: number; readonly gained: number; readonly lost: number }
  readonly gained: readonly AlertChange[]
  readonly lost: readonly AlertChange[]
  readonly moved: readonly AlertMove[]
  /** Null where no failure was recorded in the slice. */
  readonly failures: {
    readonly recorded: number
    readonly before: { readonly caught: number; readonly late: number; readonly missed: number; readonly falseEpisodes: number }
    readonly after: { readonly caught: number; readonly late: number; readonly missed: number; readonly falseEpisodes: number }
    readonly leadHoursWon: number
    readonly leadHoursLost: number
    readonly each: readonly FailureChange[]
  } | null
  /** Accepted labels: how many of their spans an alert was open in. */
  readonly labels: Readonly<Record<'faulty' | 'normal', { readonly spans: number; readonly before: number; readonly after: number }>>
  readonly load: readonly OwnerLoad[]
  readonly cost: { readonly currency: string | null; readonly before: AlertCost; readonly after: AlertCost; readonly change: number } | null
}

export function compareRuns(before: BackTestRun, after: BackTestRun, context: ComparisonContext): Comparison {
  const changes = matchEpisodes(before.episodes, after.episodes)
  return {
    alerts: {
      before: before.episodes.length, after: after.episodes.length,
      kept: changes.kept.length, moved: changes.moved.length, gained: changes.gained.length, lost: changes.lost.length,
    },
    ...listed(changes, context.listed),
    failures: failureChanges(before, after, context.listed),
    labels: { faulty: labelled('faulty', before, after, context), normal: labelled('normal', before, after, context) },
    load: alertLoad({ before: before.episodes, after: after.episodes }, context.owners, context.span),
    cost: costChange(before, after, context.costs),
  }
}

function listed({ gained, lost, moved }: EpisodeChanges, most: number): Pick<Comparison, 'gained' | 'lost' | 'moved'> {
  return {
    gained: gained.slice(0, most).map(plain), lost: lost.slice(0, most).map(plain),
    moved: moved.slice(0, most).map(({ before: was, after: is }) => (
      { ...plain(is), before: microsToIso(was.raisedUs), shiftSeconds: (is.raisedUs - was.raisedUs) / 1e6 })),
  }
}

const plain = ({ asset, rule, raisedUs, clearedUs }: RaisedEpisode): AlertChange => (
  { asset, rule, raised: microsToIso(raisedUs), cleared: clearedUs === null ? null : microsToIso(clearedUs) })

/** Both runs saw the same windows, so both know the same failures, in the same order. */
function failureChanges({ failures: before }: BackTestRun, { failures: after }: BackTestRun, most: number): Comparison['failures'] {
  if (before === null || after === null) return null
  const key = ({ asset, atUs }: FailureOutcome) => `${asset} ${atUs}`
  const was = new Map(before.outcomes.map((outcome) => [key(outcome), outcome]))
  const each = after.outcomes.flatMap((is): FailureChange[] => {
    const old = was.get(key(is))
    return old === undefined ? [] : [{
      asset: is.asset, at: microsToIso(is.atUs), before: outcome(old), after: outcome(is), leadHoursWon: ((is.leadUs ?? 0) - (old.leadUs ?? 0)) / HOUR_US,
    }]
  }).sort((a, b) => byText(a.at, b.at) || byText(a.asset, b.asset))
  const sum = (hours: readonly number[]) => hours.reduce((a, b) => a + b, 0)
  const counts = ({ caught, late, missed, falseEpisodes }: typeof before) => ({ caught, late, missed, falseEpisodes })
  return {
    recorded: after.failures, before: counts(before), after: counts(after),
    leadHoursWon: sum(each.map(({ leadHoursWon }) => Math.max(0, leadHoursWon))), leadHoursLost: sum(each.map(({ leadHoursWon }) => Math.max(0, -leadHoursWon))),
    each: each.slice(0, most),
  }
}

const outcome = ({ outcome: was, leadUs }: FailureOutcome): Outcome => ({ outcome: was, leadHours: leadUs === null ? null : leadUs / HOUR_US })

function labelled(value: LabelledSpan['value'], before: BackTestRun, after: BackTestRun, { labels }: ComparisonContext) {
  const spans = labels.filter((label) => label.value === value)
  const alarmed = ({ episodes }: BackTestRun) => spans.filter(({ asset, fromUs, toUs }) =>
    episodes.some((e) => e.asset === asset && e.raisedUs < toUs && e.closedUs >= fromUs)).length
  return { spans: spans.length, before: alarmed(before), after: alarmed(after) }
}

function costChange({ failures: was }: BackTestRun, { failures: is }: BackTestRun, costs: AlertCosts): Comparison['cost'] {
  const [before, after] = [alertCost(costs, was), alertCost(costs, is)]
  return before === null || after === null ? null : { currency: costs.currency, before, after, change: after.total - before.total }
}
