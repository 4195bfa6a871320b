import { microsToIso } from '../contract/time.ts'
import { counted } from '../counted.ts'
import type { Decision, RuleDecision } from './decide.ts'
import type { PolicyRule } from './policy.ts'

/**
 * A decision in words, by the rule it turns on: the one asked for, else the strongest in force, else the first that
 * waits out its on-delay. A decision that no rule turned says so, with how near each rule was.
 */
export function describeDecision(
  decision: Pick<Decision, 'fired' | 'rules'>, policy: readonly PolicyRule[], asked?: string,
): { readonly label: string; readonly detail: string | null } {
  const waiting = decision.rules.filter(({ state }) => state === 'pending')
  const rule = decision.rules.find(({ ruleId }) => ruleId === (asked ?? decision.fired)) ?? waiting[0]
  if (rule === undefined) {
    return { label: 'no rule in force', detail: decision.rules.map((one) => `${signalOf(one, policy)} ${figure(one.value)}, ${one.ruleId} raises at ${one.raiseAt}`).join('; ') || null }
  }
  const figures = `${signalOf(rule, policy)} ${figure(rule.value)}, raises at ${rule.raiseAt}`
  const others = rule.state === 'pending' && waiting.length > 1 ? `; ${counted(waiting.length - 1, 'more rule')} pending` : ''
  if (rule.transition !== undefined || rule.state !== 'pending') {
    return { label: `${rule.ruleId} ${rule.transition ?? rule.state}`, detail: `${figures}, since ${microsToIso(rule.sinceUs)}` }
  }
  const delayUs = policy.find(({ id }) => id === rule.ruleId)?.onDelayUs ?? 0
  return {
    label: `${rule.ruleId} pending, not raised`,
    detail: `${figures}; held since ${microsToIso(rule.sinceUs)}, raises if it still holds at ${microsToIso(rule.sinceUs + delayUs)}${others}`,
  }
}

const signalOf = (rule: RuleDecision, policy: readonly PolicyRule[]): string => policy.find(({ id }) => id === rule.ruleId)?.signal ?? 'signal'
const figure = (value: number | null): string => (value === null || !Number.isFinite(value) ? 'missing' : Number(value.toPrecision(4)).toString())
