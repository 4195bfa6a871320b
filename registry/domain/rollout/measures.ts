import { binCounts, populationStabilityIndex } from '../drift/psi.ts'
import { foldRule, initialRuleFold, type ScoreColumns } from '../evaluation/fold-columns.ts'
import type { Policy } from '../policy/policy.ts'

/** What one machine's windows said in a stage so far. Counts. */
export interface AssetMeasures {
  readonly asset: string
  /** Windows that either of the two scored. */
  readonly windows: number
  /** Windows that both scored. */
  readonly compared: number
  /** Alerts that the release would have raised, or did; and the champion. */
  readonly alerts: number
  readonly championAlerts: number
  /** Of those compared: one of the two in alarm and the other not. */
  readonly disagreeing: number
  /** Windows of the release with too little good data. */
  readonly poor: number
  /** Windows that the champion scored and the release did not, though it could have by then. */
  readonly unscored: number
  /** Alerts of the release that a technician called false. */
  readonly falseAlarms: number
}

export interface RolloutMeasures {
  readonly assets: readonly AssetMeasures[]
  /** Of confidences, release against champion, over the windows compared; null where there are none. */
  readonly psi: number | null
  readonly latencyP95Seconds: number | null
}

/** Windows of one machine as one release scored them, and what share of each was good (0 … 1). */
export interface ScoredSide { readonly columns: ScoreColumns; readonly good: Float64Array }

export interface AssetSides { readonly asset: string; readonly release: ScoredSide | null; readonly champion: ScoredSide | null; readonly falseAlarms: number }

export interface MeasureRules { readonly policy: Pick<Policy, 'rules'>; readonly championPolicy: Pick<Policy, 'rules'> | null; readonly goodFraction: number }

/** Upper edges of ten equal bins of a confidence, which lies in (0, 1). */
const EDGES = Array.from({ length: 9 }, (_, i) => (i + 1) / 10)

/** Sums confidences of windows that both scored, machine by machine, so that a fleet is never held at once. */
export interface Spread { release: number[]; champion: number[] }
export const emptySpread = (): Spread => ({ release: new Array<number>(EDGES.length + 1).fill(0), champion: new Array<number>(EDGES.length + 1).fill(0) })
/** Null before any window was compared. */
export const psiOf = ({ release, champion }: Spread): number | null =>
  (release.some((count) => count > 0) ? populationStabilityIndex(champion, release) : null)

/**
 * Measures one machine. Both policies are folded over the stage from a standing start: alike, however the champion stood when
 * the stage began. Adds to `spread`.
 */
export function measureAsset({ asset, release, champion, falseAlarms }: AssetSides, rules: MeasureRules, spread: Spread): AssetMeasures {
  const mine = release === null ? null : inAlarm(rules.policy, release.columns)
  const theirs = champion === null || rules.championPolicy === null ? null : inAlarm(rules.championPolicy, champion.columns)
  let [compared, disagreeing] = [0, 0]
  const both: { mine: number[]; theirs: number[] } = { mine: [], theirs: [] }
  if (release !== null && champion !== null && mine !== null && theirs !== null) {
    forShared(release.columns.endUs, champion.columns.endUs, (i, j) => {
      compared++
      if (mine.alarmed[i] !== theirs.alarmed[j]) disagreeing++
      const [a, b] = [release.columns.signals.get('confidence')?.[i] ?? NaN, champion.columns.signals.get('confidence')?.[j] ?? NaN]
      if (!Number.isFinite(a) || !Number.isFinite(b)) return
      both.mine.push(a)
      both.theirs.push(b)
    })
  }
  add(spread.release, binCounts(both.mine, EDGES))
  add(spread.champion, binCounts(both.theirs, EDGES))
  const unscored = release === null || champion === null ? 0 : missing(release.columns.endUs, champion.columns.endUs)
  return {
    asset, windows: (release?.columns.endUs.length ?? 0) + unscored, compared,
    alerts: mine?.raised ?? 0, championAlerts: theirs?.raised ?? 0, disagreeing,
    poor: release === null ? 0 : release.good.reduce((n, good) => n + Number(good < rules.goodFraction), 0), unscored, falseAlarms,
  }
}

function inAlarm({ rules }: Pick<Policy, 'rules'>, columns: ScoreColumns): { alarmed: Uint8Array; raised: number } {
  const n = columns.endUs.length
  const alarmed = new Uint8Array(n)
  let raised = 0
  for (const rule of rules) {
    let since = -1
    foldRule(rule, columns, initialRuleFold(), 0, n, (row, active) => {
      if (active) {
        raised++
        since = row
      } else {
        alarmed.fill(1, since, row)
        since = -1
      }
    })
    if (since >= 0) alarmed.fill(1, since, n)
  }
  return { alarmed, raised }
}

function forShared(a: Float64Array, b: Float64Array, each: (i: number, j: number) => void): void {
  for (let i = 0, j = 0; i < a.length && j < b.length;) {
    const [x, y] = [a[i] as number, b[j] as number]
    if (x === y) each(i++, j++)
    else if (x < y) i++
    else j++
  }
}

/**
 * The champion's windows among the release's own without a score of the release. Only between its first and last: another feature
 * set begins and closes at times of its own. And only where they share windows at all: with another hop they seldom do.
 */
function missing(mine: Float64Array, theirs: Float64Array): number {
  const [first, last] = [mine[0] ?? Infinity, mine.at(-1) ?? -Infinity]
  let [within, shared] = [0, 0]
  for (const end of theirs) within += Number(end >= first && end <= last)
  forShared(mine, theirs, () => shared++)
  return shared === mine.length || shared * 2 > within ? within - shared : 0
}

function add(into: number[], counts: readonly number[]): void {
  counts.forEach((count, i) => { into[i] = (into[i] as number) + count })
}
