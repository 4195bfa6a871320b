/** Least-squares slopes are given per hour: a drift per microsecond has no readable size. */
const US_PER_HOUR = 3_600_000_000

/**
 * Statistics of one window of scalar readings. Moments use 1/n (population); kurtosis is Pearson's (a normal
 * distribution has 3); slope is least squares against event time, per hour. What the readings cannot support is NaN:
 * shape moments of a constant, the slope of a single instant, anything of nothing (`count` is 0 then).
 */
export interface ScalarStatistics {
  count: number
  mean: number
  rms: number
  std: number
  skewness: number
  kurtosis: number
  min: number
  max: number
  range: number
  last: number
  slope: number
}

/**
 * @param timesUs event times in UTC microseconds, ascending; `values` in the tag's canonical unit, the same length.
 * Two passes, in time order: the second centres on the mean, so that a small ripple on a large offset keeps its digits.
 */
export function scalarStatistics(timesUs: Float64Array, values: Float64Array): ScalarStatistics {
  const n = values.length
  if (n === 0) return { count: 0, ...NOTHING }
  const origin = timesUs[0] as number
  let sum = 0
  let squares = 0
  let timeSum = 0
  let min = Infinity
  let max = -Infinity
  for (let i = 0; i < n; i++) {
    const v = values[i] as number
    sum += v
    squares += v * v
    timeSum += (timesUs[i] as number) - origin
    if (v < min) min = v
    if (v > max) max = v
  }
  const mean = sum / n
  const timeMean = timeSum / n
  let m2 = 0
  let m3 = 0
  let m4 = 0
  let sxy = 0
  let sxx = 0
  for (let i = 0; i < n; i++) {
    const d = (values[i] as number) - mean
    const t = (timesUs[i] as number) - origin - timeMean
    const d2 = d * d
    m2 += d2
    m3 += d2 * d
    m4 += d2 * d2
    sxy += t * d
    sxx += t * t
  }
  const { std, skewness, kurtosis } = shapeMoments(n, m2, m3, m4, min === max)
  return {
    count: n,
    mean,
    rms: Math.sqrt(squares / n),
    std,
    skewness,
    kurtosis,
    min,
    max,
    range: max - min,
    last: values[n - 1] as number,
    slope: sxx > 0 ? (sxy / sxx) * US_PER_HOUR : NaN,
  }
}

/**
 * Amplitude statistics of a vibration recording, without detrending: peak = max|x|, crest = peak/rms,
 * shape = rms/mean|x|, impulse = peak/mean|x|, clearance = peak/(mean √|x|)². Moments as in {@link ScalarStatistics}.
 */
export interface WaveStatistics {
  count: number
  mean: number
  rms: number
  std: number
  skewness: number
  kurtosis: number
  peak: number
  peakToPeak: number
  crest: number
  shape: number
  impulse: number
  clearance: number
}

/** `runs` are parts of one recording in time order: their statistics are those of the parts laid end to end. */
export function waveStatistics(runs: readonly (Float32Array | Float64Array)[]): WaveStatistics {
  let n = 0
  let sum = 0
  let squares = 0
  let absolutes = 0
  let roots = 0
  let min = Infinity
  let max = -Infinity
  for (const samples of runs) {
    n += samples.length
    for (let i = 0; i < samples.length; i++) {
      const x = samples[i] as number
      const a = x < 0 ? -x : x
      sum += x
      squares += x * x
      absolutes += a
      roots += Math.sqrt(a)
      if (x < min) min = x
      if (x > max) max = x
    }
  }
  if (n === 0) return { ...NOTHING, count: 0, peak: NaN, peakToPeak: NaN, crest: NaN, shape: NaN, impulse: NaN, clearance: NaN }
  const mean = sum / n
  let m2 = 0
  let m3 = 0
  let m4 = 0
  for (const samples of runs) {
    for (let i = 0; i < samples.length; i++) {
      const d = (samples[i] as number) - mean
      const d2 = d * d
      m2 += d2
      m3 += d2 * d
      m4 += d2 * d2
    }
  }
  const rms = Math.sqrt(squares / n)
  const peak = Math.max(max, -min)
  const meanAbsolute = absolutes / n
  const meanRoot = roots / n
  return {
    count: n,
    mean,
    rms,
    ...shapeMoments(n, m2, m3, m4, min === max),
    peak,
    peakToPeak: max - min,
    crest: peak / rms,
    shape: rms / meanAbsolute,
    impulse: peak / meanAbsolute,
    clearance: peak / (meanRoot * meanRoot),
  }
}

/** A constant is told by its extremes: rounding of the mean leaves it a tiny m2 whose ratios would be noise. */
function shapeMoments(n: number, m2: number, m3: number, m4: number, constant: boolean) {
  if (constant || m2 === 0) return { std: 0, skewness: NaN, kurtosis: NaN }
  const variance = m2 / n
  return {
    std: Math.sqrt(variance),
    skewness: m3 / n / (variance * Math.sqrt(variance)),
    kurtosis: m4 / n / (variance * variance),
  }
}

const NOTHING = {
  mean: NaN, rms: NaN, std: NaN, skewness: NaN, kurtosis: NaN, min: NaN, max: NaN, range: NaN, last: NaN, slope: NaN,
}
