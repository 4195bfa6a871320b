import type { Run } from './chunk.ts'

/** Most readings in one chunk; readings of one time are never torn apart, so a chunk of them alone may be longer. */
export const CHUNK_READINGS = 8192

const DAY_US = 86_400_000_000

/** First index whose time is at or after `micros`. */
export function lowerBound(timesUs: Float64Array, micros: number): number {
  let low = 0
  let high = timesUs.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (timesUs[middle]! < micros) low = middle + 1
    else high = middle
  }
  return low
}

/** Rows [from, to) as views, not copies. */
export function sliceRun(run: Run, from: number, to: number): Run {
  if (from === 0 && to === run.timesUs.length) return run
  return {
    timesUs: run.timesUs.subarray(from, to),
    values: run.values.subarray(from, to),
    raws: run.raws?.subarray(from, to) ?? null,
    quality: run.quality?.subarray(from, to) ?? null,
  }
}

/** The rows at these indices, copied. */
export function gatherRun(run: Run, indices: readonly number[]): Run {
  const { raws, quality } = run
  return {
    timesUs: Float64Array.from(indices, (i) => run.timesUs[i]!),
    values: Float64Array.from(indices, (i) => run.values[i]!),
    raws: raws && Float64Array.from(indices, (i) => raws[i]!),
    quality: quality && Uint16Array.from(indices, (i) => quality[i]!),
  }
}

/**
 * A run cut into what one stored chunk may hold: within one UTC day, so that a look-back is bounded, and at most
 * {@link CHUNK_READINGS} readings, with those of one time kept together.
 */
export function cutRun(run: Run): Run[] {
  const { timesUs } = run
  const pieces: Run[] = []
  let from = 0
  while (from < timesUs.length) {
    const midnight = (Math.floor(timesUs[from]! / DAY_US) + 1) * DAY_US
    let to = Math.min(from + CHUNK_READINGS, timesUs.length)
    if (to < timesUs.length) to = wholeTimes(timesUs, from, to)
    if (timesUs[to - 1]! >= midnight) to = lowerBound(timesUs.subarray(0, to), midnight)
    pieces.push(sliceRun(run, from, to))
    from = to
  }
  return pieces
}

/** Moves an end so that it does not fall between readings of one time: back where possible, else on. */
function wholeTimes(timesUs: Float64Array, from: number, to: number): number {
  let end = to
  while (end > from && timesUs[end]! === timesUs[end - 1]!) end--
  if (end > from) return end
  end = to
  while (end < timesUs.length && timesUs[end]! === timesUs[end - 1]!) end++
  return end
}

/** The step of evenly spaced times (0 for a single one), or null: such a chunk need not store its times. */
export function evenSpacing(timesUs: Float64Array): number | null {
  if (timesUs.length < 2) return 0
  const step = timesUs[1]! - timesUs[0]!
  for (let i = 2; i < timesUs.length; i++) if (timesUs[i]! - timesUs[i - 1]! !== step) return null
  return step
}

/** The same run with columns left out that say nothing: device values equal to the canonical ones, qualities all good. */
export function compactRun(run: Run): Run {
  const { values, raws, quality } = run
  const keepRaws = raws !== null && raws !== values && differ(raws, values)
  const keepQuality = quality !== null && anyNotGood(quality)
  return { timesUs: run.timesUs, values, raws: keepRaws ? raws : null, quality: keepQuality ? quality : null }
}

// Loops over every reading that is stored: `some` calls a function for each.
function differ(a: Float64Array, b: Float64Array): boolean {
  for (let i = 0; i < a.length; i++) if (!Object.is(a[i], b[i])) return true
  return false
}

function anyNotGood(quality: Uint16Array): boolean {
  for (let i = 0; i < quality.length; i++) if (quality[i] !== 0) return true
  return false
}
