import { surpriseOf } from '../../../../registry/domain/twin/health.ts'

/** Where the axis ends: one in a million is as rare as a plot needs to tell. */
const CEILING = 6

/**
 * A confidence on a scale on which each step is ten times rarer in normal running: −log10(1 − confidence). On a plain
 * scale everything that matters, 0.99 to 0.9999, is one line at the top.
 */
export function surprise(confidence: number | null): number | null {
  return confidence === null ? null : Math.min(CEILING, surpriseOf(confidence))
}

/** The confidence at a whole step, as text: 0, 0.9, 0.99, … */
export function confidenceAt(step: number): string {
  if (step >= CEILING) return '≈ 1'
  return String(Number((1 - 10 ** -step).toFixed(Math.max(1, Math.ceil(step) + 1))))
}
