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
  const shares = Float64Array.from(features, (_, j) => (Number.isFinite(parts[j]) ? Math.max(0, parts[j] as number) : 0))
  const largest = shares.reduce((most, part) => Math.max(most, part), 0)
  if (largest === 0) return []
  // Relative to the largest first, so that huge parts cannot overflow the sum.
  const total = shares.reduce((sum, part) => sum + part / largest, 0)
  for (let j = 0; j < shares.length; j++) shares[j] = (shares[j] as number) / largest / total
  // Once a score, so no list of all features is made and sorted for a few of them.
  const top: number[] = []
  for (let j = 0; j < shares.length; j++) {
    const share = shares[j] as number
    let place = top.length
    while (place > 0 && share > (shares[top[place - 1] as number] as number)) place--
    if (place >= limit) continue
    top.splice(place, 0, j)
    top.length = Math.min(top.length, limit)
  }
  return top.map((j) => ({ feature: features[j] as string, share: shares[j] as number }))
}
