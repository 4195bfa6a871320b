import {
  foldDecision, initialDecisionState, type Decision, type DecisionState, type ScoredWindow,
} from '../policy/decide.ts'
import { watchedFeature, type Policy } from '../policy/policy.ts'

export interface WindowFigures {
  readonly endUs: number
  readonly score: number
  readonly confidence: number
  /** Feature values in the order of `featureNames`; NaN where missing. */
  readonly values: ArrayLike<number>
  /** The machine was out of service by plan (ISA-18.2, 11.7): the window neither raises nor clears. */
  readonly suppressed?: boolean
}

/**
 * One window's step of the decision fold, from its figures as they are stored. `before` null means initial. Closing and
 * replay both decide by this alone.
 */
export function decideWindow(
  policy: Policy, featureNames: readonly string[], before: DecisionState | null, window: WindowFigures,
): { state: DecisionState; decision: Decision } {
  return foldDecision(policy, before ?? initialDecisionState(), scoredWindow(policy, featureNames, window))
}

/** Only the features that a rule watches are named: a set may have hundreds, a policy looks at few. */
function scoredWindow(policy: Policy, featureNames: readonly string[], window: WindowFigures): ScoredWindow {
  const features: Record<string, number | null> = {}
  for (const rule of policy.rules) {
    const name = watchedFeature(rule)
    const value = name === undefined ? undefined : window.values[featureNames.indexOf(name)]
    if (name !== undefined) features[name] = finiteOrNull(value ?? NaN)
  }
  return {
    windowEndUs: window.endUs, score: finiteOrNull(window.score), confidence: finiteOrNull(window.confidence), features,
    qualityOk: window.suppressed !== true,
  }
}

/** Which stored fold state a lane goes on from: that of the asset's newest decision, whatever feature set it was made by. */
export function newestState(states: Iterable<unknown>): DecisionState | null {
  let newest: DecisionState | null = null
  for (const state of states) {
    if (!isDecisionState(state) || state.lastWindowEndUs === null) continue
    if (newest === null || state.lastWindowEndUs > (newest.lastWindowEndUs as number)) newest = state
  }
  return newest
}

function isDecisionState(value: unknown): value is DecisionState {
  return typeof value === 'object' && value !== null && 'lastWindowEndUs' in value && 'rules' in value
}

const finiteOrNull = (value: number): number | null => (Number.isFinite(value) ? value : null)
