import { microsToIso } from '../contract/time.ts'
import type { Policy } from '../policy/policy.ts'
import { sortedQuantile } from '../scoring/distributions.ts'
import { foldEpisodes, type AssetSeries, type RaisedEpisode } from './fold-columns.ts'
import { leadTimeReport, type AssetEvent, type LeadTimeReport } from './lead-time.ts'

export interface BackTestInput {
  readonly series: readonly AssetSeries[]
  readonly policy: Policy
  readonly failures: readonly AssetEvent[]
}

/** What a policy would have said over scored windows; figures for people are made of it by `summarise` and `compareRuns`. */
export interface BackTestRun {
  readonly policy: Policy
  /** By time raised. */
  readonly episodes: readonly RaisedEpisode[]
  /** How recorded failures fared; null where none lies in the time that was scored. */
  readonly failures: LeadTimeReport | null
}

/** What a release would have said over a slice of the past. Plain JSON; null where there is no figure. */
export interface BackTest {
  readonly windows: number
  readonly unscored: number
  /** Windows that decided nothing because the machine was out of service by plan. */
  readonly suppressed: number
  readonly confidence: { readonly median: number; readonly p95: number; readonly p99: number; readonly above99: number } | null
  readonly episodes: number
  readonly episodesByRule: Readonly<Record<string, number>>
  readonly episodesByAsset: Readonly<Record<string, number>>
  readonly firstEpisodes: readonly { readonly asset: string; readonly rule: string; readonly raised: string }[]
  readonly failures: { readonly recorded: number; readonly caught: number; readonly late: number; readonly missed: number; readonly falseEpisodes: number; readonly medianLeadHours: number | null } | null
}

const SHOWN = 20

/** Folds a policy over scored windows as the live lane would have, from the beginning of the slice. */
export function runBackTest(input: BackTestInput): BackTestRun {
  return withEpisodes(input, foldEpisodes(input.policy, input.series))
}

/** The same of episodes that were folded already. */
export function withEpisodes({ series, policy, failures }: BackTestInput, episodes: readonly RaisedEpisode[]): BackTestRun {
  return { policy, episodes, failures: againstFailures(episodes, failures, series) }
}

export function summarise({ episodes, failures }: BackTestRun, series: readonly AssetSeries[]): BackTest {
  const windows = series.reduce((sum, { columns }) => sum + columns.endUs.length, 0)
  const confidences = finiteConfidences(series, windows)
  return {
    windows, unscored: windows - confidences.length, suppressed: series.reduce((sum, { columns }) => columns.suppressed.reduce((a, b) => a + b, sum), 0),
    confidence: spread(confidences), episodes: episodes.length,
    episodesByRule: countBy(episodes.map(({ rule }) => rule)), episodesByAsset: countBy(episodes.map(({ asset }) => asset)),
    firstEpisodes: episodes.slice(0, SHOWN).map(({ asset, rule, raisedUs }) => ({ asset, rule, raised: microsToIso(raisedUs) })),
    failures: failures && {
      recorded: failures.failures, caught: failures.caught, late: failures.late, missed: failures.missed, falseEpisodes: failures.falseEpisodes,
      medianLeadHours: failures.leadHours?.median ?? null,
    },
  }
}

function finiteConfidences(series: readonly AssetSeries[], windows: number): Float64Array {
  const all = new Float64Array(windows)
  let n = 0
  for (const { columns } of series) for (const confidence of columns.signals.get('confidence') ?? []) if (Number.isFinite(confidence)) all[n++] = confidence
  return all.subarray(0, n)
}

function spread(confidences: Float64Array): BackTest['confidence'] {
  if (confidences.length === 0) return null
  const sorted = confidences.sort()
  const at = (p: number) => sortedQuantile(sorted, p)
  return { median: at(0.5), p95: at(0.95), p99: at(0.99), above99: (sorted.length - firstAtLeast(sorted, 0.99)) / sorted.length }
}

function firstAtLeast(sorted: Float64Array, level: number): number {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((sorted[middle] as number) < level) low = middle + 1
    else high = middle
  }
  return low
}

function againstFailures(episodes: readonly RaisedEpisode[], failures: readonly AssetEvent[], series: readonly AssetSeries[]): LeadTimeReport | null {
  const observed = series.filter(({ columns }) => columns.endUs.length > 0)
    .map(({ asset, columns: { endUs } }) => ({ asset, fromUs: endUs[0] as number, toUs: endUs[endUs.length - 1] as number }))
  const seen = new Map(observed.map((span) => [span.asset, span]))
  const inside = failures.filter(({ asset, atUs }) => {
    const span = seen.get(asset)
    return span !== undefined && atUs >= span.fromUs && atUs <= span.toUs
  })
  return inside.length === 0 ? null : leadTimeReport(episodes, inside, observed)
}

export function countBy(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1
  return counts
}
