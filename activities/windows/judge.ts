import { topContributions, type Contribution } from '../../registry/domain/scoring/contributions.ts'
import type { Decision, DecisionState } from '../../registry/domain/policy/decide.ts'
import { decideWindow } from '../../registry/domain/windows/decide-window.ts'
import type { FeatureWindow } from '../../registry/store/feature-windows.ts'
import { SCORING_BATCH } from '../../registry/domain/models/model.ts'
import type { KnownFeatureSet } from './definitions.ts'
import type { Judge } from './judges.ts'
import type { Pulse } from './pulse.ts'

/** Contributions kept with a score: enough to say why, small enough to keep for ever. */
const CONTRIBUTIONS = 5

/** A window to be scored: who judges it, and by which features. */
export interface Case {
  readonly window: FeatureWindow
  readonly set: KnownFeatureSet
  readonly judges: readonly Judge[]
}

export interface Verdict {
  readonly window: FeatureWindow
  readonly set: KnownFeatureSet
  readonly judge: Judge
  readonly score: number
  readonly confidence: number
  readonly contributions: readonly Contribution[]
  /** The machine was out of service by plan for some of the window; its score stands, but decides nothing. */
  suppressed: boolean
  foldBefore: DecisionState | null
  decision: Decision | null
}

/** Scores every case by each of its judges: the windows of all assets under one release go to its model together. */
export async function scoreCases(cases: readonly Case[], pulse: Pulse): Promise<Verdict[]> {
  const verdicts = new Map<Case, Map<Judge['release'], Verdict>>()
  const byRelease = new Map<Judge['release'], { judge: Judge; at: Case }[]>()
  for (const at of cases) {
    verdicts.set(at, new Map())
    for (const judge of at.judges) {
      const group = byRelease.get(judge.release)
      if (group === undefined) byRelease.set(judge.release, [{ judge, at }])
      else group.push({ judge, at })
    }
  }
  for (const group of byRelease.values()) {
    for (let from = 0; from < group.length; from += SCORING_BATCH) {
      scoreGroup(group.slice(from, from + SCORING_BATCH), (at, verdict) => verdicts.get(at)?.set(verdict.judge.release, verdict))
      await pulse()
    }
  }
  return cases.flatMap((at) => at.judges.map((judge) => verdicts.get(at)?.get(judge.release) as Verdict))
}

function scoreGroup(group: readonly { judge: Judge; at: Case }[], give: (at: Case, verdict: Verdict) => void): void {
  const [first] = group
  if (first === undefined) return
  const { model, release } = first.judge
  const width = model.featureCount
  const rows = new Float64Array(width * group.length)
  group.forEach(({ at }, i) => rows.set(at.window.values, i * width))
  const { scores, residuals } = model.scoreRows(rows, group.length)
  group.forEach(({ judge, at }, i) => {
    const score = scores[i] as number
    give(at, {
      window: at.window, set: at.set, judge, score, confidence: release.calibrate(score).confidence,
      contributions: topContributions(at.set.featureNames, residuals.subarray(i * width, (i + 1) * width), CONTRIBUTIONS),
      suppressed: false, foldBefore: null, decision: null,
    })
  })
}

/**
 * Folds the champion's verdicts of one asset and lane, in window order. A window that does not come after the last
 * decided one (the champion's feature set changed and its lane lags) keeps its score and decides nothing.
 */
export function decideInOrder(verdicts: readonly Verdict[], before: DecisionState | null): DecisionState | null {
  let state = before
  for (const verdict of verdicts) {
    if (state !== null && verdict.window.endUs <= (state.lastWindowEndUs ?? -Infinity)) continue
    const { release } = verdict.judge
    const { score, confidence, suppressed } = verdict
    const folded = decideWindow(release.policy, verdict.set.featureNames, state, {
      endUs: verdict.window.endUs, values: verdict.window.values, score, confidence, suppressed,
    })
    verdict.foldBefore = state
    verdict.decision = folded.decision
    state = folded.state
  }
  return state
}
