import type { Severity } from '../../registry/domain/contract/scored-event.ts'

/**
 * What a rule looks at. Numbers are in the tag's canonical unit; `deadband` is ISA-18.2's: how far back within the limit a
 * value must come before the condition is over.
 */
export type Condition =
  | { readonly kind: 'range'; readonly tag: string; readonly above: number | null; readonly below: number | null; readonly deadband: number }
  /** Change a second, from the reading before the window of `overUs` to the newest. */
  | { readonly kind: 'rate'; readonly tag: string; readonly rises: number | null; readonly falls: number | null; readonly overUs: number; readonly deadband: number }
  /** No reading that is worth anything for so long, by the gateway's clock. */
  | { readonly kind: 'missing'; readonly tag: string; readonly afterUs: number }
  /** A pattern over tags. */
  | { readonly kind: 'all'; readonly of: readonly Condition[] }
  | { readonly kind: 'any'; readonly of: readonly Condition[] }

/** A local alarm rule of one machine; delays are ISA-18.2's on-delay and off-delay, in microseconds. */
export interface AlarmRule {
  /** The machine that the alarm is of, and the rule's name; together unique on the gateway. */
  readonly asset: string
  readonly name: string
  readonly when: Condition
  readonly onDelayUs: number
  readonly offDelayUs: number
  readonly severity: Severity
  readonly message: string
  readonly recommendedAction: string | null
}

/** Leaves of a condition: those that look at a tag. */
export type TagCondition = Exclude<Condition, { readonly kind: 'all' | 'any' }>

export const tagConditions = (when: Condition): TagCondition[] => (when.kind === 'all' || when.kind === 'any' ? when.of.flatMap(tagConditions) : [when])

/** Which rule: of a machine, by its name; the site file and a release may each have one of that name. */
export interface RuleName { readonly asset: string; readonly name: string; readonly of?: 'site-file' | 'release' }

export const ruleKey = ({ asset, name, of = 'site-file' }: RuleName): string => `${of} ${asset}/${name}`
