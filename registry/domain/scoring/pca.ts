import { EigenvalueDecomposition, Matrix } from 'ml-matrix'
import { z } from 'zod'
import { refuse } from '../errors.ts'
import { jacksonMudholkarLimit, quantileLimit, t2FLimit } from './pca-limits.ts'
import { checkedRowCount } from './standardise.ts'

/** JSON state of a fitted PCA monitor. `loadings` hold component after component, each one number per feature. */
export const pcaStateSchema = z.strictObject({
  kind: z.literal('pca'),
  features: z.int().min(2),
  components: z.int().min(1),
  loadings: z.array(z.number()),
  /** Variances of all directions, descending; the first `components` belong to the loadings. */
  eigenvalues: z.array(z.number()),
  explained: z.number().min(0).max(1),
  confidenceLevel: z.number(),
  limitMethod: z.enum(['quantile', 'theory']),
  t2Limit: z.number().positive(),
  qLimit: z.number().positive(),
  combinedLimit: z.number().positive(),
  rows: z.int(),
}).refine((s) => s.loadings.length === s.features * s.components && s.components < s.features, {
  path: ['loadings'], error: 'must hold components × features numbers, with fewer components than features',
})
export type PcaState = z.infer<typeof pcaStateSchema>

export interface PcaOptions {
  /** Share of variance the kept components must reach, default 0.9. */
  explainedVariance?: number
  /** Level of the control limits, default 0.99. */
  confidenceLevel?: number
  /** `quantile` of the training statistics (default), or the `theory` of pca-limits.ts, which assumes normal data. */
  limitMethod?: 'quantile' | 'theory'
}

/** Eigenvalues below this share of the largest are rounding, and dividing by them would make T² of it. */
const EIGENVALUE_FLOOR = 1e-9

/**
 * Fits PCA to standardised rows (row-major, finite). At least one direction is always left to the residual, so that Q
 * never vanishes. Signs are fixed (the largest loading of a component is positive): one input, one state. Refuses
 * (`insufficient_data`) fewer than max(10, 2 × features) rows or data without any variance.
 */
export function fitPca(rows: Float64Array, features: number, options: PcaOptions = {}): PcaState {
  const { explainedVariance = 0.9, confidenceLevel = 0.99, limitMethod = 'quantile' } = options
  if (features < 2) refuse('invalid', `PCA needs at least 2 features, got ${features}`)
  if (!(explainedVariance > 0 && explainedVariance <= 1) || !(confidenceLevel > 0.5 && confidenceLevel < 1)) {
    refuse('invalid', `explained variance must lie in (0, 1] and the confidence level in (0.5, 1); `
      + `got ${explainedVariance} and ${confidenceLevel}`)
  }
  const count = checkedRowCount(rows, features)
  const least = Math.max(10, 2 * features)
  if (count < least) {
    refuse('insufficient_data', `PCA of ${features} features needs at least ${least} training rows, got ${count}; `
      + 'take a longer period or fewer features', { rows: count, needed: least })
  }
  if (!rows.every(Number.isFinite)) refuse('invalid', 'PCA was given values that are not finite; standardise the rows first')

  const { values, vectors } = sortedEigen(covariance(rows, features, count))
  const total = values.reduce((sum, v) => sum + v, 0)
  if (!(total > 0)) refuse('insufficient_data', 'the training rows do not vary at all; choose a period in which the machine ran')
  let components = 0
  let explained = 0
  while (components < features - 1 && (values[components] as number) > EIGENVALUE_FLOOR * (values[0] as number)) {
    explained += values[components++] as number
    if (explained >= explainedVariance * total) break
  }
  const loadings = vectors.slice(0, components).flat()
  const fitted = {
    kind: 'pca' as const, features, components, loadings, eigenvalues: values, explained: Math.min(1, explained / total),
    confidenceLevel, limitMethod, rows: count,
  }
  const unlimited = createPcaScorer({ ...fitted, t2Limit: 1, qLimit: 1, combinedLimit: 1 })(rows)
  const t2Limit = limitMethod === 'theory'
    ? t2FLimit(components, count, confidenceLevel) : quantileLimit(unlimited.t2, confidenceLevel)
  const qLimit = limitMethod === 'theory'
    ? jacksonMudholkarLimit(values.slice(components), confidenceLevel) : quantileLimit(unlimited.q, confidenceLevel)
  const combined = unlimited.t2.map((t2, i) => t2 / t2Limit + (unlimited.q[i] as number) / qLimit)
  return { ...fitted, t2Limit, qLimit, combinedLimit: quantileLimit(combined, confidenceLevel) }
}

export interface PcaScores {
  /** Hotelling's T²: distance inside the model plane. */
  t2: Float64Array
  /** Q (squared prediction error): squared distance from the plane. */
  q: Float64Array
  /** Combined index T²/T²limit + Q/Qlimit (H. H. Yue and S. J. Qin, Ind. Eng. Chem. Res. 40, 2001). */
  combined: Float64Array
}

/** Makes the scorer of one state: many standardised rows, row-major, in one call. Same row, same bits in any batch. */
export function createPcaScorer(state: PcaState): (rows: Float64Array) => PcaScores {
  const { features, components } = state
  const loadings = Float64Array.from(state.loadings)
  const variances = Float64Array.from(state.eigenvalues)
  return (rows) => {
    const count = checkedRowCount(rows, features)
    const t2 = new Float64Array(count)
    const q = new Float64Array(count)
    const combined = new Float64Array(count)
    const residual = new Float64Array(features)
    for (let i = 0; i < count; i++) {
      const base = i * features
      for (let j = 0; j < features; j++) residual[j] = rows[base + j] as number
      let distance = 0
      for (let c = 0; c < components; c++) {
        const from = c * features
        let t = 0
        for (let j = 0; j < features; j++) t += (rows[base + j] as number) * (loadings[from + j] as number)
        for (let j = 0; j < features; j++) residual[j] = (residual[j] as number) - t * (loadings[from + j] as number)
        distance += (t * t) / (variances[c] as number)
      }
      let squares = 0
      for (let j = 0; j < features; j++) squares += (residual[j] as number) * (residual[j] as number)
      t2[i] = distance
      q[i] = squares
      combined[i] = distance / state.t2Limit + squares / state.qLimit
    }
    return { t2, q, combined }
  }
}

/**
 * Share of each feature in the combined index of one standardised row, by complete decomposition: c_j = (e_jᵀ Φ^½ x)²,
 * which is never negative and sums to the index (C. F. Alcala and S. J. Qin, J. Process Control 21, 2011).
 */
export function pcaContributions(state: PcaState, row: ArrayLike<number>): Float64Array {
  const { features, components, loadings, eigenvalues } = state
  const inPlane = new Float64Array(features)
  const residual = Float64Array.from({ length: features }, (_, j) => row[j] as number)
  for (let c = 0; c < components; c++) {
    let t = 0
    for (let j = 0; j < features; j++) t += (row[j] as number) * (loadings[c * features + j] as number)
    const weight = t / Math.sqrt((eigenvalues[c] as number) * state.t2Limit)
    for (let j = 0; j < features; j++) {
      const p = loadings[c * features + j] as number
      inPlane[j] = (inPlane[j] as number) + weight * p
      residual[j] = (residual[j] as number) - t * p
    }
  }
  const residualScale = 1 / Math.sqrt(state.qLimit)
  return inPlane.map((v, j) => (v + (residual[j] as number) * residualScale) ** 2)
}

/** Second moments about 0 with 1/(n−1): the rows are standardised, so their mean is 0 by construction. */
function covariance(rows: Float64Array, width: number, count: number): Matrix {
  const sums = new Float64Array(width * width)
  for (let base = 0; base < rows.length; base += width) {
    for (let i = 0; i < width; i++) {
      const v = rows[base + i] as number
      const to = i * width
      for (let j = i; j < width; j++) sums[to + j] = (sums[to + j] as number) + v * (rows[base + j] as number)
    }
  }
  const out = Matrix.zeros(width, width)
  for (let i = 0; i < width; i++) {
    for (let j = i; j < width; j++) {
      const v = (sums[i * width + j] as number) / (count - 1)
      out.set(i, j, v)
      out.set(j, i, v)
    }
  }
  return out
}

function sortedEigen(matrix: Matrix): { values: number[]; vectors: number[][] } {
  const decomposition = new EigenvalueDecomposition(matrix, { assumeSymmetric: true })
  const order = decomposition.realEigenvalues.map((value, at) => ({ value: Math.max(0, value), at }))
    .sort((a, b) => b.value - a.value || a.at - b.at)
  const vectors = order.map(({ at }) => {
    const vector = decomposition.eigenvectorMatrix.getColumn(at)
    const largest = vector.reduce((best, v) => (Math.abs(v) > Math.abs(best) ? v : best), 0)
    return largest < 0 ? vector.map((v) => -v) : vector
  })
  return { values: order.map(({ value }) => value), vectors }
}
