import { BAD, QUALITY_LEVEL_MASK, qualityReasons, UNCERTAIN } from '../contract/quality.ts'
import type { TagChecks } from './limits.ts'

/** Readings of one tag, times ascending (UTC µs); all of the same length. `quality` may be null when all are good. */
export interface Series {
  readonly timesUs: Float64Array
  readonly values: Float64Array
  readonly quality: Uint16Array | null
}

/** What the next stretch of the same tag must know of this one; plain JSON. */
export interface SeriesState {
  /** The last reading that was not bad. */
  readonly lastUs: number
  readonly lastValue: number
  /** Since when the value has been the same. */
  readonly flatSinceUs: number
  /** Exponential mean of the sampling interval in µs; 0 before the second reading. */
  readonly intervalUs: number
}

export interface CheckedSeries {
  /** The quality given when nothing was flagged (so null stays null), else a copy with flags added; none is taken away. */
  readonly quality: Uint16Array | null
  readonly state: SeriesState | undefined
  readonly flagged: number
}

/** A mean interval more than this off its regular length is skewed. */
const SKEW = 0.2
/** Weight of the newest interval in the mean: some twenty readings make it. */
const SKEW_WEIGHT = 0.1

/**
 * Flags what a machine cannot have done: outside the range, faster than the maximal rate, unmoving for too long, at
 * another pace than it should. Flags make a good reading uncertain (OPC UA Part 8: the value is there, doubt it) but a
 * skewed pace, which says nothing of the value, only adds its reason. Bad readings are left as they are and are no
 * reference for those after them. Pure: the same series after the same state gives the same flags, wherever it runs.
 */
export function checkSeries({ timesUs, values, quality }: Series, checks: TagChecks, before?: SeriesState): CheckedSeries {
  const { range, maxRatePerSec, flatlineAfterSeconds, everySeconds } = checks
  let marked: Uint16Array | null = null
  let flagged = 0
  let state = before
  const everyUs = (everySeconds ?? 0) * 1e6
  const flatUs = (flatlineAfterSeconds ?? Infinity) * 1e6
  for (let i = 0; i < values.length; i++) {
    const code = quality?.[i] ?? 0
    const value = values[i] as number
    if ((code & QUALITY_LEVEL_MASK) >= BAD || value !== value) continue
    const us = timesUs[i] as number
    let flags = 0
    if (range && (value < range.low || value > range.high)) flags |= qualityReasons.range | UNCERTAIN
    let flatSinceUs = us
    let intervalUs = 0
    if (state) {
      const elapsedUs = us - state.lastUs
      if (value === state.lastValue) flatSinceUs = state.flatSinceUs
      if (us - flatSinceUs >= flatUs) flags |= qualityReasons.flatline | UNCERTAIN
      if (maxRatePerSec !== undefined && elapsedUs > 0 && Math.abs(value - state.lastValue) > maxRatePerSec * (elapsedUs / 1e6)) flags |= qualityReasons.rateOfChange | UNCERTAIN
      if (everyUs > 0 && elapsedUs > 0) {
        // A pause is a gap, not a slower pace: it counts as one late reading at most.
        const sample = Math.min(elapsedUs, 4 * everyUs)
        intervalUs = state.intervalUs === 0 ? sample : state.intervalUs + SKEW_WEIGHT * (sample - state.intervalUs)
        if (state.intervalUs !== 0 && Math.abs(intervalUs / everyUs - 1) > SKEW) flags |= qualityReasons.samplingSkew
      } else intervalUs = state.intervalUs
    }
    state = { lastUs: us, lastValue: value, flatSinceUs, intervalUs }
    if (flags === 0) continue
    flagged++
    marked ??= quality?.slice() ?? new Uint16Array(values.length)
    const level = code & QUALITY_LEVEL_MASK
    marked[i] = level === 0 ? code | flags : code | (flags & ~QUALITY_LEVEL_MASK)
  }
  return { quality: marked ?? quality, state, flagged }
}

export const hasSeriesChecks = ({ range, maxRatePerSec, flatlineAfterSeconds, everySeconds }: TagChecks): boolean =>
  range !== undefined || maxRatePerSec !== undefined || flatlineAfterSeconds !== undefined || everySeconds !== undefined
