import { microsToIso } from '../contract/time.ts'
import type { Decision, RulePhase } from './decide.ts'
import type { PolicyRule } from './policy.ts'

/** Where one rule stands after a decision, for programs; instants as ISO 8601. */
export interface RuleProgress {
  readonly rule: string
  readonly state: RulePhase
  readonly since: string
  readonly signal: string | null
  readonly value: number | null
  readonly raiseAt: number
  readonly clearAt: number
  /** Event time at which its delay is over, if the condition holds until then: `pending` raises, `clearing` clears. */
  readonly waitsUntil: string | null
}

export function ruleProgress(decision: Pick<Decision, 'rules'>, policy: readonly PolicyRule[]): RuleProgress[] {
  return decision.rules.map(({ ruleId, state, sinceUs, value, raiseAt, clearAt }) => {
    const rule = policy.find(({ id }) => id === ruleId)
    const delayUs = state === 'pending' ? rule?.onDelayUs : state === 'clearing' ? rule?.offDelayUs : undefined
    return {
      rule: ruleId, state, since: microsToIso(sinceUs), signal: rule?.signal ?? null, value, raiseAt, clearAt,
      waitsUntil: delayUs === undefined ? null : microsToIso(sinceUs + delayUs),
    }
  })
}
