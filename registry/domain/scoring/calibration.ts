import { z } from 'zod'
import { refuse } from '../errors.ts'

/**
 * JSON state of a fitted calibration. `scores` and `tails` are the knots of the empirical part: strictly ascending
 * scores with the estimated probability that a normal score lies above each, strictly descending.
 */
export const calibrationSchema = z.strictObject({
  kind: z.literal('empirical-pareto'),
  scores: z.array(z.number()).min(2),
  tails: z.array(z.number().gt(0).lt(1)).min(2),
  /** Generalised Pareto tail beyond the last knot: scale in score units, and shape. */
  tailScale: z.number().positive(),
  tailShape: z.number().positive(),
  /** Held-out normal scores it was fitted on, and how many of them made the tail. */
  rows: z.int(),
  tailRows: z.int(),
}).refine((c) => c.scores.length === c.tails.length, { path: ['tails'], error: 'must be as long as scores' })
export type Calibration = z.infer<typeof calibrationSchema>

export interface CalibrationOptions {
  /** Fewest held-out scores, default 50: with n of them the empirical part ends at confidence n/(n+1). */
  minRows?: number
}

export interface CalibratedScore {
  /** Estimated probability that a normal window scores lower: in (0, 1), never exactly 0 or 1. NaN for a NaN score. */
  confidence: number
  /**
   * −log10 of the probability that a normal window scores at least this high. Grows without bound and stays strictly
   * monotone where `confidence` can no longer be told from 1 in a double.
   */
  surprise: number
  /** The score is above every held-out one: its confidence comes from the parametric tail, not from data. */
  extrapolated: boolean
  /** `confidence` stands at the largest double below 1; compare by `surprise`. */
  saturated: boolean
}

/** Knots beyond this many add nothing to a threshold; the top of the distribution is always kept whole. */
const BODY_KNOTS = 256
const TOP_KNOTS = 128
const TAIL_SHARE = 0.1
const MIN_TAIL_ROWS = 10
/** A light tail would drive confidence into rounding a few scales beyond the data; a heavier one would have no mean. */
const SHAPE_RANGE = [0.25, 0.9] as const
const LARGEST_BELOW_ONE = 1 - 2 ** -53

/**
 * Fits score → confidence on scores of held-out normal windows (not the ones the model was trained on). Inside their
 * range: the empirical distribution function with plotting positions i/(n+1) (E. J. Gumbel, 1958), linear between
 * knots. Above it: a generalised Pareto tail (J. Pickands, Ann. Statist. 3, 1975) by probability-weighted moments of
 * the excesses over the 90 % quantile (J. R. M. Hosking and J. R. Wallis, Technometrics 29, 1987), its shape kept in
 * [0.25, 0.9]. Below it: an exponential decay to 0.
 *
 * Refuses too few or constant scores (`insufficient_data`) and scores that are not finite (`invalid`).
 */
export function fitCalibration(heldOutScores: ArrayLike<number>, options: CalibrationOptions = {}): Calibration {
  const minRows = Math.max(20, options.minRows ?? 50)
  const n = heldOutScores.length
  if (n < minRows) {
    refuse('insufficient_data', `calibration needs at least ${minRows} held-out normal scores, got ${n}; `
      + 'hold out a longer normal period', { rows: n, needed: minRows })
  }
  const sorted = Float64Array.from(heldOutScores).sort()
  if (!sorted.every(Number.isFinite)) refuse('invalid', 'calibration was given scores that are not finite; drop those windows')
  const lowest = sorted[0] as number
  const highest = sorted[n - 1] as number
  // Relative to their size, or the knots would not be apart after a division.
  if (!(highest - lowest > 1e-12 * Math.max(Math.abs(lowest), Math.abs(highest)))) {
    refuse('insufficient_data', `all ${n} held-out scores are ${lowest}: a confidence cannot be read from a score that does not `
      + 'vary; check the model and its inputs', { rows: n })
  }
  const { scores, tails } = knots(sorted)
  return { kind: 'empirical-pareto', scores, tails, ...fitTail(sorted), rows: n }
}

/** Makes the map of one calibration; monotone in the score, and strictly so in `surprise`. */
export function createCalibrator(calibration: Calibration): (score: number) => CalibratedScore {
  const scores = Float64Array.from(calibration.scores)
  const tails = Float64Array.from(calibration.tails)
  const last = scores.length - 1
  const lowest = scores[0] as number
  const highest = scores[last] as number
  const { tailScale, tailShape } = calibration
  const spread = highest - lowest
  // The pieces meet at these figures; clamping to them keeps the last bit of rounding from breaking the order.
  const at = (tail: number) => ({ confidence: 1 - tail, surprise: -Math.log10(tail) })
  const top = at(tails[last] as number)
  const bottom = at(tails[0] as number)
  return (score) => {
    if (Number.isNaN(score)) return { confidence: NaN, surprise: NaN, extrapolated: false, saturated: false }
    if (score > highest) {
      // log1p of the exceedance in logarithms: the product itself would run into 0 for very large scores.
      const logTail = Math.log(tails[last] as number) - Math.log1p((tailShape * (score - highest)) / tailScale) / tailShape
      const confidence = Math.min(Math.max(-Math.expm1(logTail), top.confidence), LARGEST_BELOW_ONE)
      const surprise = Math.max(-logTail / Math.LN10, top.surprise)
      return { confidence, surprise, extrapolated: true, saturated: confidence === LARGEST_BELOW_ONE }
    }
    if (score < lowest) {
      const confidence = Math.max(bottom.confidence * Math.exp((score - lowest) / spread), Number.MIN_VALUE)
      const surprise = Math.min(-Math.log1p(-confidence) / Math.LN10, bottom.surprise)
      return { confidence, surprise, extrapolated: false, saturated: false }
    }
    return { ...at(interpolate(scores, tails, score)), extrapolated: false, saturated: false }
  }
}

/** The score at which a confidence in (0, 1) is reached: where a policy's threshold lies on the score axis. */
export function scoreAtConfidence(calibration: Calibration, confidence: number): number {
  const { scores, tails, tailScale, tailShape } = calibration
  if (!(confidence > 0 && confidence < 1)) refuse('invalid', `a confidence lies between 0 and 1, got ${confidence}`)
  const last = scores.length - 1
  const tail = 1 - confidence
  const lowestTail = tails[last] as number
  const highestTail = tails[0] as number
  if (tail < lowestTail) {
    return (scores[last] as number) + (tailScale / tailShape) * (Math.pow(lowestTail / tail, tailShape) - 1)
  }
  if (tail > highestTail) {
    const spread = (scores[last] as number) - (scores[0] as number)
    return (scores[0] as number) + spread * Math.log(confidence / (1 - highestTail))
  }
  let at = 1
  while (at < last && (tails[at] as number) > tail) at++
  const [s0, s1] = [scores[at - 1] as number, scores[at] as number]
  const [t0, t1] = [tails[at - 1] as number, tails[at] as number]
  return s0 + ((t0 - tail) / (t0 - t1)) * (s1 - s0)
}

function knots(sorted: Float64Array): { scores: number[]; tails: number[] } {
  const n = sorted.length
  const wanted = new Set<number>([0, n - 1])
  for (let k = 0; k <= BODY_KNOTS; k++) wanted.add(Math.round((k * (n - 1)) / BODY_KNOTS))
  for (let i = Math.max(0, n - TOP_KNOTS); i < n; i++) wanted.add(i)
  const scores: number[] = []
  const tails: number[] = []
  for (const i of [...wanted].sort((a, b) => a - b)) {
    const score = sorted[i] as number
    const tail = (n - i) / (n + 1)
    // Of equal scores the highest rank stands: the estimate of P(score ≤ s).
    if (scores.length > 0 && score === scores[scores.length - 1]) tails[tails.length - 1] = tail
    else {
      scores.push(score)
      tails.push(tail)
    }
  }
  return { scores, tails }
}

function fitTail(sorted: Float64Array): Pick<Calibration, 'tailScale' | 'tailShape' | 'tailRows'> {
  const n = sorted.length
  const tailRows = Math.min(n - 1, Math.max(MIN_TAIL_ROWS, Math.floor(n * TAIL_SHARE)))
  const threshold = sorted[n - 1 - tailRows] as number
  let a0 = 0
  let a1 = 0
  for (let i = 0; i < tailRows; i++) {
    const excess = (sorted[n - tailRows + i] as number) - threshold
    a0 += excess / tailRows
    a1 += (excess * (1 - (i + 0.65) / tailRows)) / tailRows
  }
  const denominator = a0 - 2 * a1
  const shape = denominator > 0 ? 2 - a0 / denominator : NaN
  const [lightest, heaviest] = SHAPE_RANGE
  const tailShape = Number.isFinite(shape) ? Math.min(heaviest, Math.max(lightest, shape)) : lightest
  // The scale that keeps the mean excess of the data under the kept shape.
  const scaleAtThreshold = a0 * (1 - tailShape)
  // A Pareto tail seen from further out has a larger scale; restart it at the largest held-out score.
  const scale = scaleAtThreshold + tailShape * ((sorted[n - 1] as number) - threshold)
  const spread = (sorted[n - 1] as number) - (sorted[0] as number)
  return { tailScale: Math.max(scale, spread * 1e-6), tailShape, tailRows }
}

function interpolate(xs: Float64Array, ys: Float64Array, x: number): number {
  let lo = 0
  let hi = xs.length - 1
  while (hi - lo > 1) {
    const middle = (lo + hi) >>> 1
    if ((xs[middle] as number) <= x) lo = middle
    else hi = middle
  }
  const x0 = xs[lo] as number
  const share = (x - x0) / ((xs[hi] as number) - x0)
  // ys descend: rounding must not carry the line past its end.
  return Math.max(ys[hi] as number, (ys[lo] as number) + share * ((ys[hi] as number) - (ys[lo] as number)))
}
