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
  // Once a score: plain loops, and no list of all features made and sorted for a few of them.
  const n = features.length
  const shares = new Float64Array(n)
  let largest = 0
  for (let j = 0; j < n; j++) {
    const part = parts[j] as number
    if (!(part > 0 && part < Infinity)) continue
    shares[j] = part
    if (part > largest) largest = part
  }
  if (largest === 0 || limit < 1) return []
  // Relative to the largest first, so that huge parts cannot overflow the sum.
  let total = 0
  for (let j = 0; j < n; j++) total += (shares[j] as number) / largest
  const top: Contribution[] = []
  for (let j = 0; j < n; j++) {
    const share = (shares[j] as number) / largest / total
    if (top.length === limit && !(share > (top[limit - 1] as Contribution).share)) continue
    let place = top.length < limit ? top.length : limit - 1
    for (; place > 0 && share > (top[place - 1] as Contribution).share; place--) top[place] = top[place - 1] as Contribution
    top[place] = { feature: features[j] as string, share }
  }
  return top
}
