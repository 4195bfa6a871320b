import { createNoise } from './prng.ts'

/** Damage runs from 0 (sound) to 1 (functional failure), as a function of running time alone. */
export interface WearLaw {
  /** Running hours at which damage begins. */
  onsetHours: number
  /** Hours from onset to failure. */
  growthHours: number
  /** Damage right after onset, 0…1 exclusive: the smallest spall. */
  initial: number
  /** Exponent m of growth: 1 is exponential, above 1 accelerates as a crack does. */
  exponent: number
}

/**
 * Damage at `hours` of running. Growth follows da/dt = C·aᵐ (P. Paris and F. Erdogan, J. Basic Eng. 85, 1963, with
 * damage for crack length), solved in closed form between `initial` at the onset and 1 at failure, so any time can be
 * asked directly; m = 1 gives a = a₀^(1−x) with x the elapsed share.
 */
export function damageAt(law: WearLaw, hours: number): number {
  if (hours < law.onsetHours) return 0
  const share = Math.min(1, (hours - law.onsetHours) / law.growthHours)
  const { initial, exponent } = law
  if (Math.abs(exponent - 1) < 1e-9) return Math.pow(initial, 1 - share)
  // a^(1−m) runs linearly in time from a₀^(1−m) to 1.
  const start = Math.pow(initial, 1 - exponent)
  return Math.pow(start + (1 - start) * share, 1 / (1 - exponent))
}

/** Running hours at which damage reaches 1. */
export function failureHours(law: WearLaw): number {
  return law.onsetHours + law.growthHours
}

/**
 * A wear law drawn for one machine. The onset is Weibull (shape above 1: wear-out; ISO 281 rates bearing life by its
 * 10 % quantile, which here is `l10Hours`); growth varies by ±30 %. The same seed and name give the same life.
 *
 * @param life counts repairs: a new part draws anew
 */
export function drawWearLaw(
  seed: number, name: string, life: number,
  options: { l10Hours: number; weibullShape?: number; growthHours: number; initial?: number; exponent?: number },
): WearLaw {
  const { l10Hours, weibullShape = 1.5, growthHours, initial = 0.02, exponent = 1.5 } = options
  const noise = createNoise(seed, `wear ${name}`)
  // At u = 0.1 the quantile is l10Hours: (ln(1/(1−u)) / ln(1/0.9))^(1/shape).
  const onsetHours = l10Hours * Math.pow(Math.log(1 - noise.uniform(2 * life)) / Math.log(0.9), 1 / weibullShape)
  return { onsetHours, growthHours: growthHours * (0.7 + 0.6 * noise.uniform(2 * life + 1)), initial, exponent }
}
