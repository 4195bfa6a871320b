export interface TrendPoint { readonly timeUs: number; readonly value: number }

export type Trend =
  | { readonly verdict: 'insufficient_data'; readonly points: number }
  | {
    readonly verdict: 'rising' | 'falling' | 'steady'
    /** Change of the value per day of event time (Theil–Sen). */
    readonly slopePerDay: number
    /** Two-sided probability of a trend this strong where there is none (Mann–Kendall). */
    readonly pValue: number
    /** Where the line through the points is at the last of them. */
    readonly level: number
    readonly points: number
  }

export interface TrendOptions {
  /** Fewest points that can tell anything, default 8. */
  readonly minPoints?: number
  /** Largest p-value that counts as a trend, default 0.01. */
  readonly significance?: number
  /** Smallest change over the whole span that matters, in units of the value, default 0.3 (of surprise: twice as rare). */
  readonly minChange?: number
}

const DAY_US = 86_400_000_000

/**
 * Whether values rise or fall over time, and how fast. Theil–Sen slope (H. Theil, 1950; P. K. Sen, J. Am. Stat. Assoc.
 * 63, 1968), which a third of outliers cannot bend, and the Mann–Kendall test with its correction for ties (H. B. Mann,
 * Econometrica 13, 1945; M. G. Kendall, 1975). Points should lie apart (medians of intervals): the test takes them for
 * independent. A change must be both significant and large enough to matter.
 *
 * @param points ascending in time, at most some hundred: the cost is quadratic
 */
export function trendOf(points: readonly TrendPoint[], options: TrendOptions = {}): Trend {
  const { minPoints = 8, significance = 0.01, minChange = 0.3 } = options
  const finite = points.filter((point) => Number.isFinite(point.value))
  const first = finite[0]
  const last = finite.at(-1)
  if (finite.length < minPoints || first === undefined || last === undefined || last.timeUs <= first.timeUs) {
    return { verdict: 'insufficient_data', points: finite.length }
  }
  const slopes: number[] = []
  let concordance = 0
  for (const [i, later] of finite.entries()) {
    for (const earlier of finite.slice(0, i)) {
      concordance += Math.sign(later.value - earlier.value)
      if (later.timeUs > earlier.timeUs) slopes.push((later.value - earlier.value) / (later.timeUs - earlier.timeUs))
    }
  }
  const slope = median(slopes)
  const intercept = median(finite.map((point) => point.value - slope * (point.timeUs - first.timeUs)))
  const span = last.timeUs - first.timeUs
  const pValue = mannKendallP(concordance, finite.map((point) => point.value))
  const matters = pValue <= significance && Math.abs(slope * span) >= minChange
  return {
    verdict: !matters ? 'steady' : slope > 0 ? 'rising' : 'falling',
    slopePerDay: slope * DAY_US, pValue, level: intercept + slope * span, points: finite.length,
  }
}

/** When a rising line reaches a level, in µs of event time after its last point; null when it is not on its way there. */
export function timeToReach(trend: Trend, level: number): number | null {
  if (trend.verdict !== 'rising') return null
  return trend.level >= level ? 0 : Math.round((level - trend.level) / trend.slopePerDay * DAY_US)
}

function mannKendallP(s: number, values: readonly number[]): number {
  const n = values.length
  const ties = new Map<number, number>()
  for (const value of values) ties.set(value, (ties.get(value) ?? 0) + 1)
  const term = (k: number) => k * (k - 1) * (2 * k + 5)
  const variance = (term(n) - [...ties.values()].reduce((sum, t) => sum + term(t), 0)) / 18
  if (variance <= 0) return 1
  const z = Math.max(0, Math.abs(s) - 1) / Math.sqrt(variance)
  return 2 * (1 - normalCdf(z))
}

/** Abramowitz and Stegun 7.1.26 through erf; absolute error under 1.5e-7, plenty for a test's verdict. */
function normalCdf(z: number): number {
  const x = z / Math.SQRT2
  const t = 1 / (1 + 0.3275911 * x)
  const poly = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
  return 1 - 0.5 * poly * Math.exp(-x * x)
}

function median(values: number[]): number {
  const sorted = values.sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const high = sorted[middle] as number
  return sorted.length % 2 === 1 ? high : ((sorted[middle - 1] as number) + high) / 2
}
