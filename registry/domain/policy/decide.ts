import { z } from 'zod'
import { microsSchema } from '../contract/primitives.ts'
import { refuse } from '../errors.ts'
import type { Severity } from '../contract/scored-event.ts'
import { severityRank, watchedFeature, type Policy, type PolicyRule } from './policy.ts'
import { ACTIVE, levelsOf, nextPhase, phaseNames } from './rule-step.ts'

export type RulePhase = 'normal' | 'pending' | 'active' | 'clearing'

/** `sinceUs` is the window end at which the phase began; `raisedUs` is kept from raising to clearing. */
export interface RuleState {
  phase: RulePhase
  sinceUs: number
  raisedUs?: number
}

/** Small plain JSON, kept per asset and lane between windows. Rules are keyed by id. */
export interface DecisionState {
  lastWindowEndUs: number | null
  rules: Record<string, RuleState>
}

/** Whether something that was stored as a state of the fold is one. */
export function isDecisionState(stored: unknown): stored is DecisionState {
  return decisionStateSchema.safeParse(stored).success
}

const decisionStateSchema = z.object({
  lastWindowEndUs: microsSchema.nullable(),
  rules: z.record(z.string(), z.object({ phase: z.enum(phaseNames), sinceUs: microsSchema, raisedUs: microsSchema.optional() })),
})

/** What was scored for one window; null (or not finite) where there is no figure. */
export interface ScoredWindow {
  windowEndUs: number
  score: number | null
  confidence: number | null
  features: Readonly<Record<string, number | null>>
  /** False: the figures exist but must not decide anything (too few good readings). */
  qualityOk?: boolean
}

export interface RuleDecision {
  ruleId: string
  state: RulePhase
  /** The signal's figure in this window, null when missing. */
  value: number | null
  raiseAt: number
  clearAt: number
  sinceUs: number
  transition?: 'raised' | 'cleared'
}

export interface Decision {
  windowEndUs: number
  rules: RuleDecision[]
  /** The rule in force with the highest severity (first in the policy wins a tie): active, or clearing not yet cleared. */
  fired: string | null
  severity: Severity | null
  recommendedAction: string | null
  failureMode: string | null
  /** Rules in force under a former policy that this one no longer has: their episodes end here. */
  retired: string[]
}

export function initialDecisionState(): DecisionState {
  return { lastWindowEndUs: null, rules: {} }
}

/**
 * One step of the fold that makes decisions from stored scores: per asset and lane, in window order, on event time
 * only. The same scores give the same decisions, whenever and wherever they are folded.
 *
 * - On-delay: the condition must hold in every scored window from the first, until windowEnd − first ≥ onDelayUs; a
 *   delay of 0 raises at once. One value short of raiseAt starts anew. Off-delay likewise, with clearAt.
 * - A window without a figure (or with `qualityOk` false) neither raises nor clears nor interrupts: every phase stays
 *   as it is, and the time that passed counts once figures come again.
 * - A rule whose levels changed keeps its phase and is judged by the new levels from here on.
 *
 * Refuses (`stale_state`) a window that does not come after the last one: a revision is decided by folding anew.
 */
export function foldDecision(
  policy: Policy, state: DecisionState, scored: ScoredWindow,
): { state: DecisionState; decision: Decision } {
  const nowUs = scored.windowEndUs
  if (state.lastWindowEndUs !== null && nowUs <= state.lastWindowEndUs) {
    refuse('stale_state', `the window ending at ${nowUs} µs does not come after the last decided one (${state.lastWindowEndUs} µs); `
      + 'fold the scores anew in window order', { windowEndUs: nowUs, lastWindowEndUs: state.lastWindowEndUs })
  }
  const next: DecisionState = { lastWindowEndUs: nowUs, rules: {} }
  const rules: RuleDecision[] = []
  let strongest: PolicyRule | undefined
  for (const rule of policy.rules) {
    const before = state.rules[rule.id] ?? { phase: 'normal', sinceUs: nowUs }
    const value = signalValue(rule, scored)
    const after = value === null ? before : step(rule, before, value, nowUs)
    next.rules[rule.id] = after
    const decision: RuleDecision = {
      ruleId: rule.id, state: after.phase, value, raiseAt: rule.raiseAt, clearAt: rule.clearAt, sinceUs: after.sinceUs,
    }
    const inForce = isInForce(after)
    if (inForce !== isInForce(before)) decision.transition = inForce ? 'raised' : 'cleared'
    rules.push(decision)
    if (inForce && (strongest === undefined || severityRank(rule.severity) > severityRank(strongest.severity))) {
      strongest = rule
    }
  }
  const retired = Object.keys(state.rules).filter((id) => !(id in next.rules) && isInForce(state.rules[id]))
  return {
    state: next,
    decision: {
      windowEndUs: nowUs,
      rules,
      fired: strongest?.id ?? null,
      severity: strongest?.severity ?? null,
      recommendedAction: strongest?.recommendedAction ?? null,
      failureMode: strongest?.failureMode ?? null,
      retired,
    },
  }
}

/** Folds many windows, ascending; what back-tests and replays call. */
export function foldDecisions(
  policy: Policy, state: DecisionState, windows: Iterable<ScoredWindow>,
): { state: DecisionState; decisions: Decision[] } {
  const decisions: Decision[] = []
  let current = state
  for (const scored of windows) {
    const folded = foldDecision(policy, current, scored)
    current = folded.state
    decisions.push(folded.decision)
  }
  return { state: current, decisions }
}

function step(rule: PolicyRule, before: RuleState, value: number, nowUs: number): RuleState {
  const { sign, raiseAt, clearAt, onDelayUs, offDelayUs } = levelsOf(rule)
  const was = phaseNames.indexOf(before.phase)
  const phase = nextPhase(was, before.sinceUs, sign * value, raiseAt, clearAt, onDelayUs, offDelayUs, nowUs)
  if (phase === was) return before
  if (phase < ACTIVE) return { phase: phaseNames[phase] as RulePhase, sinceUs: nowUs }
  const raisedUs = was < ACTIVE ? nowUs : before.raisedUs ?? before.sinceUs
  return { phase: phaseNames[phase] as RulePhase, sinceUs: phase === ACTIVE ? raisedUs : nowUs, raisedUs }
}

function isInForce(state: RuleState | undefined): boolean {
  return state?.phase === 'active' || state?.phase === 'clearing'
}

function signalValue(rule: PolicyRule, scored: ScoredWindow): number | null {
  if (scored.qualityOk === false) return null
  const feature = watchedFeature(rule)
  const value = feature !== undefined ? (Object.hasOwn(scored.features, feature) ? scored.features[feature] : null)
    : rule.signal === 'score' ? scored.score
    : scored.confidence
  return typeof value === 'number' && Number.isFinite(value) ? value : null
}
