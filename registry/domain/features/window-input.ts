import { GOOD, QUALITY_LEVEL_MASK, UNCERTAIN } from '../contract/quality.ts'

/** Scalar readings of one role, in any order; quality as in contract/quality.ts. Column i is one reading. */
export interface ScalarSeries {
  readonly timesUs: Float64Array
  readonly values: Float64Array
  readonly qualities: Uint16Array
}

/** Evenly spaced samples of one role in the canonical unit; the time of sample i is startUs + i · intervalUs. */
export interface WaveformChunk {
  readonly startUs: number
  /** May be fractional: 25.6 kHz is 39.0625 µs. */
  readonly intervalUs: number
  readonly samples: Float32Array
  readonly quality: number
}

/** What a window [startUs, endUs) is computed from; readings outside it may be present and do not count. */
export interface WindowInput {
  readonly startUs: number
  readonly endUs: number
  readonly scalars: ReadonlyMap<string, ScalarSeries>
  readonly waveforms: ReadonlyMap<string, readonly WaveformChunk[]>
}

export interface SelectedScalars {
  /** Readings of any quality inside the window. */
  present: number
  timesUs: Float64Array
  values: Float64Array
}

export function qualityCounts(quality: number, acceptUncertain: boolean): boolean {
  const level = quality & QUALITY_LEVEL_MASK
  return level === GOOD || (acceptUncertain && level === UNCERTAIN)
}

/**
 * The readings of a window that count, ascending by time; equal times are ordered by value, so that the result is the
 * same to the bit however the readings were cut into chunks. Values that are not finite never count. Sorted input of
 * which everything counts, the usual case, is returned as views without copying.
 */
export function selectScalars(
  series: ScalarSeries, startUs: number, endUs: number, acceptUncertain: boolean,
): SelectedScalars {
  const { timesUs, values, qualities } = series
  const n = timesUs.length
  let present = 0
  let accepted = 0
  let first = -1
  let last = -1
  let sorted = true
  let previousTime = -Infinity
  let previousValue = -Infinity
  for (let i = 0; i < n; i++) {
    const t = timesUs[i] as number
    if (t < startUs || t >= endUs) continue
    present++
    const v = values[i] as number
    if (!qualityCounts(qualities[i] as number, acceptUncertain) || !Number.isFinite(v)) continue
    if (t < previousTime || (t === previousTime && v < previousValue)) sorted = false
    previousTime = t
    previousValue = v
    if (accepted === 0) first = i
    last = i
    accepted++
  }
  if (accepted === 0) return { present, timesUs: timesUs.subarray(0, 0), values: values.subarray(0, 0) }
  if (sorted && accepted === n) return { present, timesUs, values }
  if (sorted && last - first + 1 === accepted) {
    return { present, timesUs: timesUs.subarray(first, last + 1), values: values.subarray(first, last + 1) }
  }
  const picked = new Uint32Array(accepted)
  let p = 0
  for (let i = first; i <= last; i++) {
    const t = timesUs[i] as number
    if (t < startUs || t >= endUs) continue
    if (qualityCounts(qualities[i] as number, acceptUncertain) && Number.isFinite(values[i])) picked[p++] = i
  }
  if (!sorted) {
    picked.sort((a, b) =>
      (timesUs[a] as number) - (timesUs[b] as number) || (values[a] as number) - (values[b] as number) || a - b)
  }
  const outTimes = new Float64Array(accepted)
  const outValues = new Float64Array(accepted)
  for (let i = 0; i < accepted; i++) {
    const at = picked[i] as number
    outTimes[i] = timesUs[at] as number
    outValues[i] = values[at] as number
  }
  return { present, timesUs: outTimes, values: outValues }
}

/** An unbroken stretch of a recording. */
export interface WaveformRun {
  intervalUs: number
  samples: Float32Array
}

export interface SelectedWaveforms {
  /** Samples of any quality inside the window. */
  present: number
  runs: WaveformRun[]
}

/**
 * The samples of a window that count, as unbroken runs in time order. Chunks that follow each other within a quarter of
 * the sampling interval are one run, so it does not matter where a recording was cut; a chunk of bad quality, a gap or
 * another interval ends a run. A sample belongs to the window by its time rounded to the microsecond.
 */
export function selectWaveforms(
  chunks: readonly WaveformChunk[], startUs: number, endUs: number, acceptUncertain: boolean,
): SelectedWaveforms {
  const ordered = [...chunks].sort((a, b) => a.startUs - b.startUs || a.intervalUs - b.intervalUs || compareSamples(a, b))
  let present = 0
  const runs: WaveformRun[] = []
  let open: { startUs: number; intervalUs: number; parts: Float32Array[]; count: number } | undefined
  const close = () => {
    if (open === undefined) return
    const samples = joined(open.parts, open.count)
    const [from, to] = insideWindow(open.startUs, open.intervalUs, open.count, startUs, endUs)
    if (to > from) runs.push({ intervalUs: open.intervalUs, samples: samples.subarray(from, to) })
    open = undefined
  }
  for (const chunk of ordered) {
    const { intervalUs, samples } = chunk
    const [from, to] = insideWindow(chunk.startUs, intervalUs, samples.length, startUs, endUs)
    present += Math.max(0, to - from)
    if (!qualityCounts(chunk.quality, acceptUncertain) || !allFinite(samples)) {
      close()
      continue
    }
    const expectedUs = open === undefined ? NaN : open.startUs + open.count * open.intervalUs
    const follows = open?.intervalUs === intervalUs && Math.abs(chunk.startUs - expectedUs) <= Math.max(1, intervalUs / 4)
    if (!follows) close()
    open ??= { startUs: chunk.startUs, intervalUs, parts: [], count: 0 }
    open.parts.push(samples)
    open.count += samples.length
  }
  close()
  return { present, runs }
}

/** Index range [from, to) of the samples whose time, rounded to the microsecond, lies in [startUs, endUs). */
function insideWindow(
  firstUs: number, intervalUs: number, count: number, startUs: number, endUs: number,
): readonly [number, number] {
  const indexAt = (us: number) => {
    let i = Math.max(0, Math.min(count, Math.floor((us - firstUs) / intervalUs)))
    while (i > 0 && Math.round(firstUs + (i - 1) * intervalUs) >= us) i--
    while (i < count && Math.round(firstUs + i * intervalUs) < us) i++
    return i
  }
  return [indexAt(startUs), indexAt(endUs)]
}

function allFinite(samples: Float32Array): boolean {
  for (let i = 0; i < samples.length; i++) if (!Number.isFinite(samples[i])) return false
  return true
}

function joined(parts: readonly Float32Array[], count: number): Float32Array {
  const [only] = parts
  if (parts.length === 1 && only !== undefined) return only
  const out = new Float32Array(count)
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

/** Two chunks that start together are told apart by content, never by the order in which they arrived. */
function compareSamples(a: WaveformChunk, b: WaveformChunk): number {
  if (a.samples.length !== b.samples.length) return a.samples.length - b.samples.length
  for (let i = 0; i < a.samples.length; i++) {
    const d = (a.samples[i] as number) - (b.samples[i] as number)
    if (d !== 0) return d
  }
  return a.quality - b.quality
}
