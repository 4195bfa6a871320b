import { BAD, QUALITY_LEVEL_MASK } from '../contract/quality.ts'
import type { Run } from '../ingest/chunk.ts'

/** What a chart draws of an interval: its extremes survive, whatever the zoom. */
export interface Bucket {
  readonly startUs: number
  readonly low: number
  readonly high: number
  readonly mean: number
  /** Readings that count: finite and not of bad quality. */
  readonly count: number
}

/**
 * Reduces readings to equal intervals of event time, run after run in order. Bad readings and NaN are left out, and so
 * are intervals without any other.
 */
export function createBuckets(fromUs: number, bucketUs: number): { add(run: Run): void; done(): Bucket[] } {
  const buckets: Bucket[] = []
  let index = -1
  let low = Infinity
  let high = -Infinity
  let sum = 0
  let count = 0
  const close = () => {
    if (count > 0) buckets.push({ startUs: fromUs + index * bucketUs, low, high, mean: sum / count, count })
    low = Infinity
    high = -Infinity
    sum = 0
    count = 0
  }
  return {
    add({ timesUs, values, quality }) {
      for (let i = 0; i < timesUs.length; i++) {
        const value = values[i] as number
        const bad = quality !== null && ((quality[i] as number) & QUALITY_LEVEL_MASK) >= BAD
        if (bad || !Number.isFinite(value)) continue
        const at = Math.floor(((timesUs[i] as number) - fromUs) / bucketUs)
        if (at !== index) {
          close()
          index = at
        }
        if (value < low) low = value
        if (value > high) high = value
        sum += value
        count++
      }
    },
    done() {
      close()
      return buckets
    },
  }
}
