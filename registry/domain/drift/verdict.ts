import { z } from 'zod'
import { refuse } from '../errors.ts'
import { ksTwoSample } from './ks.ts'
import { binCounts, populationStabilityIndex } from './psi.ts'
import { sortedColumn, type DriftReference } from './reference.ts'
import { checkedRowCount } from '../scoring/standardise.ts'

/** Thresholds are data: they belong to the family's governance and are versioned with it. */
export const driftThresholdsSchema = z.strictObject({
  /** False discovery rate over the features of one check. */
  falseDiscoveryRate: z.number().gt(0).lt(1).default(0.01),
  /** A shift must also be this large: with many rows any difference is significant. */
  minKs: z.number().min(0).max(1).default(0.15),
  minPsi: z.number().min(0).default(0.2),
  /** Values a feature needs on both sides before it is judged. */
  minRows: z.int().min(8).default(100),
  /** Drifting features that make the whole check drift. */
  minFeatures: z.int().min(1).default(1),
})
export type DriftThresholds = z.infer<typeof driftThresholdsSchema>

export type DriftVerdict = 'drift' | 'none' | 'insufficient_data'

export interface FeatureDrift {
  feature: string
  verdict: DriftVerdict
  referenceRows: number
  rows: number
  /** Null where there is too little data to judge. */
  ks: number | null
  psi: number | null
  pValue: number | null
  /** Adjusted for the number of features judged in this check. */
  adjustedPValue: number | null
}

export interface DriftReport {
  verdict: DriftVerdict
  rows: number
  features: FeatureDrift[]
  /** Names of the drifting features, the largest KS statistic first. */
  drifting: string[]
  thresholds: DriftThresholds
}

/**
 * Compares row-major `rows` (NaN = missing; columns in the reference's order) with a frozen reference.
 *
 * A feature drifts when three agree: KS is significant after Benjamini–Hochberg over the features judged, KS is at
 * least `minKs`, and PSI is at least `minPsi`. Significance alone would cry drift at every large sample, and windows
 * close in time are correlated, which makes p-values too small; size alone would at every small one.
 * Overall: `drift` from `minFeatures` drifting features on; `insufficient_data` when no feature could be judged.
 */
export function checkDrift(reference: DriftReference, rows: Float64Array, thresholds: DriftThresholds): DriftReport {
  const width = reference.features.length
  const count = checkedRowCount(rows, width)
  const features = reference.features.map((frozen, j): FeatureDrift => {
    const current = sortedColumn(rows, width, j)
    const judged = { feature: frozen.name, referenceRows: frozen.rows, rows: current.length }
    if (current.length < thresholds.minRows || frozen.rows < thresholds.minRows) {
      return { ...judged, verdict: 'insufficient_data', ks: null, psi: null, pValue: null, adjustedPValue: null }
    }
    const { statistic, pValue } = ksTwoSample(frozen.sample, current)
    const psi = populationStabilityIndex(frozen.counts, binCounts(current, frozen.edges))
    return { ...judged, verdict: 'none', ks: statistic, psi, pValue, adjustedPValue: null }
  })
  const tested = features.filter((f) => f.pValue !== null)
  benjaminiHochberg(tested.map((f) => f.pValue as number)).forEach((adjusted, i) => {
    const feature = tested[i] as FeatureDrift
    feature.adjustedPValue = adjusted
    const significant = adjusted <= thresholds.falseDiscoveryRate
    const large = (feature.ks as number) >= thresholds.minKs && (feature.psi as number) >= thresholds.minPsi
    if (significant && large) feature.verdict = 'drift'
  })
  const drifting = features.filter((f) => f.verdict === 'drift').sort((a, b) => (b.ks as number) - (a.ks as number))
  const verdict = drifting.length >= thresholds.minFeatures ? 'drift' : tested.length === 0 ? 'insufficient_data' : 'none'
  return { verdict, rows: count, features, drifting: drifting.map((f) => f.feature), thresholds }
}

/**
 * Adjusted p-values, in the order given: comparing them with a rate q controls the false discovery rate at q, also under
 * the positive dependence of sensors on one machine (Y. Benjamini and Y. Hochberg, J. Royal Stat. Soc. B 57, 1995;
 * Y. Benjamini and D. Yekutieli, Ann. Statist. 29, 2001).
 */
export function benjaminiHochberg(pValues: readonly number[]): number[] {
  if (pValues.some((p) => !(p >= 0 && p <= 1))) refuse('invalid', 'p-values lie between 0 and 1')
  const m = pValues.length
  const order = pValues.map((p, at) => ({ p, at })).sort((a, b) => b.p - a.p || b.at - a.at)
  const adjusted = new Array<number>(m)
  let least = 1
  order.forEach(({ p, at }, fromLargest) => {
    least = Math.min(least, (p * m) / (m - fromLargest))
    adjusted[at] = least
  })
  return adjusted
}
