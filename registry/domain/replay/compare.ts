import { z } from 'zod'
import { canonicalJson } from '../canonical.ts'
import type { Decision } from '../policy/decide.ts'

/** What one score rests on and came to: as it was stored, or as it was computed again. */
export interface Reckoning {
  /** In the order of the feature set; NaN where missing. */
  readonly features: ArrayLike<number>
  readonly score: number
  readonly confidence: number
  readonly decision: Decision | null
}

/** How far an equivalent replay may be from what was stored, as the model declares it. */
export interface Tolerance { readonly relative: number; readonly absolute: number }

/** Applies to models registered without one. */
const DEFAULT_TOLERANCE: Tolerance = { relative: 1e-3, absolute: 1e-9 }
const toleranceSchema = z.object({ relative: z.number().nonnegative(), absolute: z.number().nonnegative() })

/** What a model declares of itself, by the runtime it was registered with. */
export function declaredTolerance(runtime: Readonly<Record<string, unknown>>): Tolerance {
  return toleranceSchema.safeParse(runtime['tolerance']).data ?? DEFAULT_TOLERANCE
}

export interface Difference {
  /** `feature vibration_rms`, `score`, `confidence`, `decision` … */
  readonly what: string
  readonly stored: unknown
  readonly recomputed: unknown
}

/** How differences are called that lie in what judges, not in what is stored of a machine. */
export const FEATURE_SET = 'feature set'
export const MODEL = 'model'
export const JUDGING_PARTS: readonly string[] = [FEATURE_SET, MODEL]
/** … in what a model makes of features. */
export const DECIDING_FIGURES: readonly string[] = ['score', 'confidence']
/** … and in the fold, not in the window. */
export const STATE_BEFORE = 'state of the rules before the window'

/**
 * The first way in which two reckonings differ, in the order in which one follows from the other, or null. Without a
 * tolerance every number must agree to the bit and the decision to the letter; with one, numbers within it, and of the
 * decision what was decided: states, transitions, severity.
 */
export function firstDifference(
  featureNames: readonly string[], stored: Reckoning, recomputed: Reckoning, tolerance: Tolerance | null,
): Difference | null {
  const same = tolerance === null ? Object.is : (a: number, b: number) => withinTolerance(a, b, tolerance)
  for (let i = 0; i < Math.max(stored.features.length, recomputed.features.length); i++) {
    const [was, is] = [stored.features[i], recomputed.features[i]]
    if (was === undefined || is === undefined || !same(was, is)) {
      return { what: `feature ${featureNames[i] ?? i}`, stored: plain(was), recomputed: plain(is) }
    }
  }
  for (const what of ['score', 'confidence'] as const) {
    if (!same(stored[what], recomputed[what])) return { what, stored: plain(stored[what]), recomputed: plain(recomputed[what]) }
  }
  const [was, is] = [stored.decision, recomputed.decision].map((decision) => decided(decision, tolerance === null))
  return was === is ? null : { what: 'decision', stored: stored.decision, recomputed: recomputed.decision }
}

export function withinTolerance(a: number, b: number, { relative, absolute }: Tolerance): boolean {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) && Number.isNaN(b)
  return Math.abs(a - b) <= Math.max(absolute, relative * Math.max(Math.abs(a), Math.abs(b)))
}

function decided(decision: Decision | null, toTheLetter: boolean): string {
  // Past what was stored there may be anything: then it is compared as it is.
  if (decision === null || toTheLetter || !Array.isArray(decision.rules)) return canonicalJson(decision)
  const { windowEndUs, fired, severity, retired } = decision
  return canonicalJson({ windowEndUs, fired, severity, retired, rules: decision.rules.map(({ ruleId, state, transition }) => ({ ruleId, state, transition: transition ?? null })) })
}

/** JSON has no NaN; a missing figure is null there. */
const plain = (value: number | undefined): number | null => (value === undefined || !Number.isFinite(value) ? null : value)
