import { z } from 'zod'
import { refuse } from '../errors.ts'

/** JSON state: means and scales in feature order, fitted once per model version. */
export const standardiserSchema = z.strictObject({
  features: z.array(z.string()).min(1),
  means: z.array(z.number()),
  scales: z.array(z.number().positive()),
  /** Features that did not vary in training; their scale is a floor, not a spread. */
  constant: z.array(z.string()),
  rows: z.int().min(2),
})
export type Standardiser = z.infer<typeof standardiserSchema>

/**
 * A feature that never moved in training gets this share of its level as its scale (and at least the absolute floor):
 * a later move by 1 % of its level then counts as one unit, instead of dividing by nothing.
 */
const RELATIVE_FLOOR = 0.01
const ABSOLUTE_FLOOR = 1e-6
/** Below this share of its level a spread is rounding noise. */
const CONSTANT_BELOW = 1e-9
/** A spread whose inverse square would overflow is none. */
const SMALLEST_SPREAD = 1e-100

/**
 * Mean and population standard deviation per feature over `rows` (row-major, NaN = missing, not counted). Refuses
 * (`insufficient_data`) fewer than 2 rows and a feature with fewer than 2 values.
 */
export function fitStandardiser(features: readonly string[], rows: Float64Array): Standardiser {
  const width = features.length
  const count = checkedRowCount(rows, width)
  if (count < 2) refuse('insufficient_data', `standardising needs at least 2 training rows, got ${count}`, { rows: count })
  const means: number[] = []
  const scales: number[] = []
  const constant: string[] = []
  features.forEach((name, j) => {
    let n = 0
    let sum = 0
    for (let at = j; at < rows.length; at += width) {
      const v = rows[at] as number
      if (Number.isNaN(v)) continue
      n++
      sum += v
    }
    if (n < 2) {
      refuse('insufficient_data', `feature "${name}" has ${n} value(s) in ${count} training rows; `
        + 'leave it out of the feature set or choose a period in which its sensor worked', { feature: name, values: n, rows: count })
    }
    const mean = sum / n
    let squares = 0
    for (let at = j; at < rows.length; at += width) {
      const d = (rows[at] as number) - mean
      if (!Number.isNaN(d)) squares += d * d
    }
    const std = Math.sqrt(squares / n)
    if (!Number.isFinite(std)) refuse('invalid', `feature "${name}" holds values that are not finite`, { feature: name })
    const isConstant = std <= Math.abs(mean) * CONSTANT_BELOW || std < SMALLEST_SPREAD
    if (isConstant) constant.push(name)
    means.push(mean)
    scales.push(isConstant ? Math.max(ABSOLUTE_FLOOR, Math.abs(mean) * RELATIVE_FLOOR) : std)
  })
  return { features: [...features], means, scales, constant, rows: count }
}

export interface StandardisedRows {
  rows: Float64Array
  /** Per row, how many features were missing and took the training mean (a standardised 0). */
  imputed: Uint32Array
}

/** (x − mean)/scale per feature of row-major `rows`; a missing value becomes 0, the mean, and is counted. */
export function standardise(state: Standardiser, rows: Float64Array): StandardisedRows {
  const width = state.features.length
  const count = checkedRowCount(rows, width)
  const means = Float64Array.from(state.means)
  const inverses = Float64Array.from(state.scales, (scale) => 1 / scale)
  const out = new Float64Array(rows.length)
  const imputed = new Uint32Array(count)
  let at = 0
  for (let i = 0; i < count; i++) {
    let missing = 0
    for (let j = 0; j < width; j++, at++) {
      const v = ((rows[at] as number) - (means[j] as number)) * (inverses[j] as number)
      if (Number.isFinite(v)) out[at] = v
      else missing++
    }
    imputed[i] = missing
  }
  return { rows: out, imputed }
}

/** Beyond this many standard deviations a value is absurd; its square must not overflow. */
const LIMIT = 1e100

export const bounded = (value: number): number => Math.max(-LIMIT, Math.min(LIMIT, value))

/** Number of rows in a row-major block; refuses (`invalid`) a block that is not a whole number of rows. */
export function checkedRowCount(rows: Float64Array, width: number): number {
  if (width < 1 || rows.length % width !== 0) {
    refuse('invalid', `a block of ${rows.length} numbers is not a whole number of rows of ${width} features; `
      + 'the rows were made with another feature set', { numbers: rows.length, features: width })
  }
  return rows.length / width
}
