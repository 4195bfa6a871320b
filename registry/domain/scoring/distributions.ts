/**
 * Quantiles and tail areas that control limits need. Accurate to about 1e-9 relative, which is far finer than any
 * limit deserves.
 */

/**
 * Standard normal quantile by rational approximation. Source: P. J. Acklam's algorithm (relative error 1.15e-9),
 * p in (0, 1).
 */
export function normalQuantile(p: number): number {
  if (p < 0.02425) return tailQuantile(Math.sqrt(-2 * Math.log(p)))
  if (p > 1 - 0.02425) return -tailQuantile(Math.sqrt(-2 * Math.log(1 - p)))
  const q = p - 0.5
  const r = q * q
  const numerator = ((((-3.969683028665376e1 * r + 2.209460984245205e2) * r - 2.759285104469687e2) * r
    + 1.38357751867269e2) * r - 3.066479806614716e1) * r + 2.506628277459239
  const denominator = ((((-5.447609879822406e1 * r + 1.615858368580409e2) * r - 1.556989798598866e2) * r
    + 6.680131188771972e1) * r - 1.328068155288572e1) * r + 1
  return (numerator * q) / denominator
}

function tailQuantile(q: number): number {
  const numerator = ((((-7.784894002430293e-3 * q - 3.223964580411365e-1) * q - 2.400758277161838) * q
    - 2.549732539343734) * q + 4.374664141464968) * q + 2.938163982698783
  const denominator = (((7.784695709041462e-3 * q + 3.224671290700398e-1) * q + 2.445134137142996) * q
    + 3.754408661907416) * q + 1
  return numerator / denominator
}

/** Quantile of the F distribution by bisection on its distribution function; p in (0, 1), degrees of freedom > 0. */
export function fQuantile(p: number, d1: number, d2: number): number {
  let lo = 0
  let hi = 1
  while (fCumulative(hi, d1, d2) < p && hi < 1e300) hi *= 2
  for (let i = 0; i < 200 && hi - lo > 1e-12 * hi; i++) {
    const middle = (lo + hi) / 2
    if (fCumulative(middle, d1, d2) < p) lo = middle
    else hi = middle
  }
  return (lo + hi) / 2
}

export function fCumulative(f: number, d1: number, d2: number): number {
  return f <= 0 ? 0 : incompleteBeta((d1 * f) / (d1 * f + d2), d1 / 2, d2 / 2)
}

/**
 * Regularised incomplete beta function by Lentz's continued fraction (Abramowitz and Stegun 26.5.8), on the side of
 * the mean where it converges fast.
 */
export function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0
  if (x >= 1) return 1
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log(1 - x))
  return x < (a + 1) / (a + b + 2)
    ? (front * betaFraction(x, a, b)) / a
    : 1 - (front * betaFraction(1 - x, b, a)) / b
}

function betaFraction(x: number, a: number, b: number): number {
  const awayFromZero = (v: number) => (Math.abs(v) < 1e-300 ? 1e-300 : v)
  let c = 1
  let d = 1 / awayFromZero(1 - ((a + b) * x) / (a + 1))
  let h = d
  for (let m = 1; m <= 1000; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m))
    d = 1 / awayFromZero(1 + even * d)
    c = awayFromZero(1 + even / c)
    h *= d * c
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1))
    d = 1 / awayFromZero(1 + odd * d)
    c = awayFromZero(1 + odd / c)
    h *= d * c
    if (Math.abs(d * c - 1) < 1e-15) break
  }
  return h
}

/** ln Γ(x) for x > 0 by Stirling's series, shifted up to where five terms suffice. */
export function logGamma(x: number): number {
  let shift = 0
  let z = x
  while (z < 15) {
    shift += Math.log(z)
    z += 1
  }
  const i = 1 / (z * z)
  const series = (1 / 12 - i * (1 / 360 - i * (1 / 1260 - i * (1 / 1680 - i / 1188)))) / z
  return (z - 0.5) * Math.log(z) - z + 0.5 * Math.log(2 * Math.PI) + series - shift
}

/** Quantile of ascending data with linear interpolation between order statistics (type 7 of Hyndman and Fan, 1996). */
export function sortedQuantile(sorted: ArrayLike<number>, p: number): number {
  const position = Math.min(1, Math.max(0, p)) * (sorted.length - 1)
  const below = Math.floor(position)
  const lower = sorted[below] as number
  const upper = sorted[Math.min(below + 1, sorted.length - 1)] as number
  return position === below ? lower : lower + (position - below) * (upper - lower)
}
