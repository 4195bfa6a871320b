export interface KsResult {
  /** Largest distance between the two empirical distribution functions, 0 … 1. */
  statistic: number
  /** Asymptotic two-sided p-value; samples that follow each other in time are correlated, which makes it too small. */
  pValue: number
}

/**
 * Two-sample Kolmogorov–Smirnov test of ascending samples; ties are stepped over together. The p-value uses the limit
 * distribution at λ = (√N + 0.12 + 0.11/√N)·D with N = nm/(n+m) (M. A. Stephens, J. Royal Stat. Soc. B 32, 1970), good
 * from about N = 4 on. Empty samples give statistic 0 and p-value 1.
 */
export function ksTwoSample(sortedA: ArrayLike<number>, sortedB: ArrayLike<number>): KsResult {
  const n = sortedA.length
  const m = sortedB.length
  if (n === 0 || m === 0) return { statistic: 0, pValue: 1 }
  let i = 0
  let j = 0
  let statistic = 0
  while (i < n && j < m) {
    const x = Math.min(sortedA[i] as number, sortedB[j] as number)
    while (i < n && (sortedA[i] as number) <= x) i++
    while (j < m && (sortedB[j] as number) <= x) j++
    statistic = Math.max(statistic, Math.abs(i / n - j / m))
  }
  const root = Math.sqrt((n * m) / (n + m))
  return { statistic, pValue: kolmogorovTail((root + 0.12 + 0.11 / root) * statistic) }
}

/**
 * P(K > λ) of the Kolmogorov distribution. The alternating series 2Σ(−1)^(k−1)e^(−2k²λ²) converges slowly for small λ,
 * so its theta-function transform serves there (W. Feller, Ann. Math. Statist. 19, 1948).
 */
export function kolmogorovTail(lambda: number): number {
  if (!(lambda > 0)) return 1
  if (lambda < 1.18) {
    const y = Math.exp((-Math.PI * Math.PI) / (8 * lambda * lambda))
    const sum = y + y ** 9 + y ** 25 + y ** 49
    return Math.max(0, 1 - (Math.sqrt(2 * Math.PI) / lambda) * sum)
  }
  const x = Math.exp(-2 * lambda * lambda)
  return Math.min(1, 2 * (x - x ** 4 + x ** 9))
}
