import { standardise, type Standardiser } from '../../registry/domain/scoring/standardise.ts'

/** Beyond this many standard deviations a value is absurd; its square must not overflow. */
const LIMIT = 1e100

export interface ModelInputs {
  /** Standardised, row-major, finite: a missing value is 0, the training mean. */
  rows: Float64Array
  /** Per row, how many features were missing. */
  missing: Uint32Array
}

/** What every model kind computes on: raw feature values standardised, bounded, without NaN. */
export function modelInputs(standardiser: Standardiser, rows: Float64Array): ModelInputs {
  const { rows: out, imputed } = standardise(standardiser, rows)
  for (let i = 0; i < out.length; i++) {
    const v = out[i] as number
    if (v > LIMIT) out[i] = LIMIT
    else if (v < -LIMIT) out[i] = -LIMIT
  }
  return { rows: out, missing: imputed }
}
