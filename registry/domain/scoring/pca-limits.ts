import { refuse } from '../errors.ts'
import { fQuantile, normalQuantile, sortedQuantile } from './distributions.ts'

/** A limit is divided by; data that PCA reproduces exactly would give 0. */
const SMALLEST_LIMIT = 1e-12

/**
 * The level's quantile of the training statistics. Assumes nothing about the data's distribution, but promises the
 * false-alarm rate only for data like the training period and at least some 1/(1 − level) rows.
 */
export function quantileLimit(trainingStatistics: Float64Array, level: number): number {
  return Math.max(SMALLEST_LIMIT, sortedQuantile(Float64Array.from(trainingStatistics).sort(), level))
}

/**
 * Limit of T² for a new observation from normal data, A(n−1)(n+1)/(n(n−A)) · F(level; A, n−A): N. D. Tracy, J. C. Young
 * and R. L. Mason, J. Quality Technology 24, 1992.
 */
export function t2FLimit(components: number, rows: number, level: number): number {
  return ((components * (rows - 1) * (rows + 1)) / (rows * (rows - components)))
    * fQuantile(level, components, rows - components)
}

/**
 * Limit of Q for normal data from the variances of the residual directions: J. E. Jackson and G. S. Mudholkar,
 * "Control procedures for residuals associated with principal component analysis", Technometrics 21(3), 1979.
 */
export function jacksonMudholkarLimit(residualVariances: readonly number[], level: number): number {
  let theta1 = 0
  let theta2 = 0
  let theta3 = 0
  for (const v of residualVariances) {
    theta1 += v
    theta2 += v * v
    theta3 += v * v * v
  }
  if (theta2 === 0) return SMALLEST_LIMIT
  const h = 1 - (2 * theta1 * theta3) / (3 * theta2 * theta2)
  // Times h, not |h|: for a negative h the paper takes the lower tail of the deviate.
  const root = (normalQuantile(level) * h * Math.sqrt(2 * theta2)) / theta1 + 1 + (theta2 * h * (h - 1)) / (theta1 * theta1)
  const limit = theta1 * Math.pow(root, 1 / h)
  if (!Number.isFinite(limit)) {
    refuse('unprocessable', 'the Jackson–Mudholkar approximation does not hold for these residual variances; '
      + 'use the limit method "quantile"', { theta1, theta2, theta3 })
  }
  return Math.max(SMALLEST_LIMIT, limit)
}
