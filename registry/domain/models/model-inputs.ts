import { bounded, standardise, type Standardiser } from '../scoring/standardise.ts'

export interface ModelInputs {
  /** Standardised, row-major, finite: a missing value is 0, the training mean. */
  rows: Float64Array
  /** Per row, how many features were missing. */
  missing: Uint32Array
}

/** What a linear model computes on: raw feature values standardised, bounded, without NaN. */
export function modelInputs(standardiser: Standardiser, rows: Float64Array): ModelInputs {
  const { rows: out, imputed } = standardise(standardiser, rows)
  for (let i = 0; i < out.length; i++) out[i] = bounded(out[i] as number)
  return { rows: out, missing: imputed }
}
