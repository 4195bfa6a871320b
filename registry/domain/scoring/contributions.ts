export interface Contribution {
  feature: string
  /** Share of the score, 0 … 1; over all features they sum to 1. */
  share: number
}

/**
 * The features that drive a score, largest share first, at most `limit`. `parts` are one non-negative number per
 * feature that sum to the score: squared residuals of an autoencoder, or PCA's contributions. Ties keep the order of
 * the feature set. A score of 0 has no drivers; parts that are not finite count as none.
 */
export function topContributions(features: readonly string[], parts: ArrayLike<number>, limit: number): Contribution[] {
  const finite = features.map((_, j) => (Number.isFinite(parts[j]) ? Math.max(0, parts[j] as number) : 0))
  const largest = Math.max(...finite)
  if (!(largest > 0)) return []
  // Relative to the largest first, so that huge parts cannot overflow the sum.
  const total = finite.reduce((sum, part) => sum + part / largest, 0)
  return features
    .map((feature, j) => ({ feature, share: (finite[j] as number) / largest / total }))
    .sort((a, b) => b.share - a.share)
    .slice(0, limit)
}
