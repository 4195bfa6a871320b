import type { Decision, RuleDecision } from '../policy/decide.ts'
import type { PolicyRule } from '../policy/policy.ts'

/** How near a rule is to raising: 0 at rest, 1 where it raises, above 1 beyond. */
export interface RuleCloseness {
  readonly rule: string
  readonly failureMode: string | null
  readonly recommendedAction: string
  readonly closeness: number
}

/** Surprise of a confidence: −log10 of the probability that a normal window looks like this; each 1 is ten times rarer. */
export const surpriseOf = (confidence: number): number => -Math.log10(Math.max(1 - confidence, 2 ** -53))

/**
 * How near each rule of a decision is to raising, the nearest first. A rule on confidence is measured in surprise,
 * where equal steps mean equal rarity; any other by its place between the level where it clears (0) and the one where
 * it raises (1). A rule without a figure in this window is left out.
 */
export function ruleCloseness(rules: readonly PolicyRule[], decision: Pick<Decision, 'rules'>): RuleCloseness[] {
  const decided = new Map(decision.rules.map((rule) => [rule.ruleId, rule]))
  return rules
    .flatMap((rule) => {
      const figures = decided.get(rule.id)
      if (!figures || figures.value === null) return []
      return [{
        rule: rule.id, failureMode: rule.failureMode ?? null, recommendedAction: rule.recommendedAction,
        closeness: closenessOf(rule, figures, figures.value),
      }]
    })
    .sort((a, b) => b.closeness - a.closeness)
}

function closenessOf(rule: PolicyRule, { raiseAt, clearAt }: RuleDecision, value: number): number {
  const onSurprise = rule.signal === 'confidence' && rule.comparison === 'above'
  const place = onSurprise ? surpriseOf(value) / surpriseOf(raiseAt) : (value - clearAt) / (raiseAt - clearAt)
  return Number.isFinite(place) ? Math.max(0, place) : 0
}

/**
 * Health from 0 to 100, a whole number: 100 when nothing comes near any rule, 50 where the nearest rule raises, 0 at
 * twice that. Null when no rule has a figure.
 */
export function healthOf(closeness: readonly RuleCloseness[]): number | null {
  const nearest = closeness[0]
  return nearest === undefined ? null : Math.round(100 * (1 - Math.min(1, nearest.closeness / 2)))
}
