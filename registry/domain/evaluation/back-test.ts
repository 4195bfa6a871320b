import { microsToIso } from '../contract/time.ts'
import type { Policy } from '../policy/policy.ts'
import { createCalibrator, type Calibration } from '../scoring/calibration.ts'
import { sortedQuantile } from '../scoring/distributions.ts'
import { decideWindow } from '../windows/decide-window.ts'
import type { DecisionState } from '../policy/decide.ts'
import { leadTimeReport, type AssetEvent, type Episode } from './lead-time.ts'

/** A stored window with the score a model gives it. */
export interface ScoredRow { readonly asset: string; readonly endUs: number; readonly values: readonly number[]; readonly score: number; readonly suppressed?: boolean }

export interface BackTestInput {
  /** Oldest first within each asset. */
  readonly rows: readonly ScoredRow[]
  readonly featureNames: readonly string[]
  readonly calibration: Calibration
  readonly policy: Policy
  readonly failures: readonly AssetEvent[]
}

/** What a release would have said over a slice of the past. Plain JSON; null where there is no figure. */
export interface BackTest {
  readonly windows: number
  readonly unscored: number
  readonly confidence: { readonly median: number; readonly p95: number; readonly p99: number; readonly above99: number } | null
  readonly episodes: number
  readonly episodesByRule: Readonly<Record<string, number>>
  readonly episodesByAsset: Readonly<Record<string, number>>
  readonly firstEpisodes: readonly { readonly asset: string; readonly rule: string; readonly raised: string }[]
  readonly failures: { readonly recorded: number; readonly caught: number; readonly late: number; readonly missed: number; readonly falseEpisodes: number; readonly medianLeadHours: number | null } | null
}

const SHOWN = 20

/** Folds a policy over scored windows as the live lane would have, from the beginning of the slice. */
export function backTest({ rows, featureNames, calibration, policy, failures }: BackTestInput): BackTest {
  const calibrate = createCalibrator(calibration)
  const states = new Map<string, DecisionState>()
  const open = new Map<string, { rule: string; episode: Episode }>()
  const found: { rule: string; episode: Episode }[] = []
  const spans = new Map<string, { asset: string; fromUs: number; toUs: number }>()
  const confidences: number[] = []
  for (const row of rows) {
    const confidence = calibrate(row.score).confidence
    if (!Number.isNaN(confidence)) confidences.push(confidence)
    const span = spans.get(row.asset) ?? { asset: row.asset, fromUs: row.endUs, toUs: row.endUs }
    spans.set(row.asset, { ...span, toUs: row.endUs })
    const { state, decision } = decideWindow(policy, featureNames, states.get(row.asset) ?? null, {
      endUs: row.endUs, values: row.values, score: row.score, confidence, suppressed: row.suppressed === true,
    })
    states.set(row.asset, state)
    for (const rule of decision.rules) {
      const key = `${row.asset} ${rule.ruleId}`
      if (rule.transition === 'raised') {
        const raised = { rule: rule.ruleId, episode: { asset: row.asset, raisedUs: row.endUs, closedUs: row.endUs } }
        open.set(key, raised)
        found.push(raised)
      }
      const running = open.get(key)
      if (running) running.episode.closedUs = row.endUs
      if (rule.transition === 'cleared') open.delete(key)
    }
  }
  return {
    windows: rows.length, unscored: rows.length - confidences.length, confidence: spread(confidences), episodes: found.length,
    episodesByRule: countBy(found.map(({ rule }) => rule)), episodesByAsset: countBy(found.map(({ episode }) => episode.asset)),
    firstEpisodes: found.slice(0, SHOWN).map(({ rule, episode }) => ({ asset: episode.asset, rule, raised: microsToIso(episode.raisedUs) })),
    failures: againstFailures(found.map(({ episode }) => episode), failures, [...spans.values()]),
  }
}

function spread(confidences: number[]): BackTest['confidence'] {
  if (confidences.length === 0) return null
  const sorted = confidences.sort((a, b) => a - b)
  const at = (p: number) => sortedQuantile(sorted, p)
  return { median: at(0.5), p95: at(0.95), p99: at(0.99), above99: sorted.filter((c) => c >= 0.99).length / sorted.length }
}

function againstFailures(episodes: readonly Episode[], failures: readonly AssetEvent[], observed: { asset: string; fromUs: number; toUs: number }[]): BackTest['failures'] {
  const seen = new Map(observed.map((span) => [span.asset, span]))
  const inside = failures.filter(({ asset, atUs }) => {
    const span = seen.get(asset)
    return span !== undefined && atUs >= span.fromUs && atUs <= span.toUs
  })
  if (inside.length === 0) return null
  const report = leadTimeReport(episodes, inside, observed)
  return {
    recorded: report.failures, caught: report.caught, late: report.late, missed: report.missed, falseEpisodes: report.falseEpisodes,
    medianLeadHours: report.leadHours?.median ?? null,
  }
}

function countBy(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1
  return counts
}
