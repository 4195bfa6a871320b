import type { PolicyRule } from './policy.ts'

/** Where a rule stands, as a number: from `ACTIVE` on it is in force. */
export const NORMAL = 0
export const PENDING = 1
export const ACTIVE = 2
export const CLEARING = 3
export const phaseNames = ['normal', 'pending', 'active', 'clearing'] as const

/**
 * A rule's levels turned so that it always looks for high values: a rule that looks below is the same rule on the
 * negated signal (negating a double is exact). `sign` is what a value is multiplied by before it is compared.
 */
export interface RuleLevels {
  readonly sign: 1 | -1
  readonly raiseAt: number
  readonly clearAt: number
  readonly onDelayUs: number
  readonly offDelayUs: number
}

export function levelsOf({ comparison, raiseAt, clearAt, onDelayUs, offDelayUs }: PolicyRule): RuleLevels {
  const sign = comparison === 'above' ? 1 : -1
  return { sign, raiseAt: sign * raiseAt, clearAt: sign * clearAt, onDelayUs, offDelayUs }
}

/**
 * The step of every decision: the phase after one figure, which is finite and turned by `sign`. `sinceUs` is when the
 * present phase began. Plain numbers in and out: live decisions take it window by window, back-tests ten million times
 * in a row, and both must come to the same.
 */
export function nextPhase(
  phase: number, sinceUs: number, value: number, raiseAt: number, clearAt: number, onDelayUs: number, offDelayUs: number, nowUs: number,
): number {
  if (phase >= ACTIVE) {
    if (!(value < clearAt)) return ACTIVE
    return (phase === CLEARING ? nowUs - sinceUs : 0) >= offDelayUs ? NORMAL : CLEARING
  }
  if (!(value >= raiseAt)) return NORMAL
  return (phase === PENDING ? nowUs - sinceUs : 0) >= onDelayUs ? ACTIVE : PENDING
}
