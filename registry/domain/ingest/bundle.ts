import type { Run } from './chunk.ts'
import { CHUNK_READINGS, compactRun } from './runs.ts'

/** A bundle lies within one UTC hour: how far a read looks back for one is bounded. */
export const BUNDLE_SPAN_US = 3_600_000_000

/** Rows with as many readings are left alone: they are read as fast as larger ones. */
export const SMALL_READINGS = CHUNK_READINGS / 2

/** Fewer rows are not worth writing their readings once more; so a reading is rewritten seldom as the hour fills up. */
export const LEAST_ROWS = 4

/** A stored row as planning sees it: first and last time, and how many readings. */
export interface RowExtent { readonly startUs: number; readonly endUs: number; readonly n: number }

/** One chunk as a bundle keeps it. */
export interface BundlePart { readonly batchId: number; readonly startUs: number; readonly endUs: number; readonly n: number }

/** Chunks of one tag side by side in time: the readings of all, and which chunk each was. */
export interface Bundle extends Run { readonly parts: readonly BundlePart[] }

/**
 * Which small rows of one tag and hour to put together: in time order, never overlapping, at most {@link CHUNK_READINGS}
 * readings. Rows of sources that interleave end up in bundles side by side.
 */
export function planBundles<T extends RowExtent>(rows: readonly T[]): T[][] {
  const open: { rows: T[]; endUs: number; n: number }[] = []
  const done: T[][] = []
  for (const row of [...rows].sort((a, b) => a.startUs - b.startUs)) {
    const place = open.findIndex(({ endUs }) => endUs < row.startUs)
    const group = open[place]
    if (group !== undefined && group.n + row.n <= CHUNK_READINGS) {
      group.rows.push(row)
      group.endUs = row.endUs
      group.n += row.n
      continue
    }
    if (group !== undefined) done.push(...open.splice(place, 1).map((full) => full.rows))
    open.push({ rows: [row], endUs: row.endUs, n: row.n })
  }
  return [...done, ...open.map((group) => group.rows)].filter((group) => group.length >= LEAST_ROWS)
}

/** Puts chunks into one bundle; they may come in any order but must not overlap. */
export function joinChunks(chunks: readonly (Run & { readonly batchId: number })[]): Bundle {
  const ordered = [...chunks].sort((a, b) => a.timesUs[0]! - b.timesUs[0]!)
  const n = ordered.reduce((sum, { timesUs }) => sum + timesUs.length, 0)
  const timesUs = new Float64Array(n)
  const values = new Float64Array(n)
  const raws = ordered.some((chunk) => chunk.raws !== null) ? new Float64Array(n) : null
  const quality = ordered.some((chunk) => chunk.quality !== null) ? new Uint16Array(n) : null
  let at = 0
  const parts = ordered.map((chunk): BundlePart => {
    const { timesUs: times, batchId } = chunk
    if (at > 0 && times[0]! <= timesUs[at - 1]!) throw new Error(`chunks of a bundle overlap at ${times[0]} µs`)
    timesUs.set(times, at)
    values.set(chunk.values, at)
    raws?.set(chunk.raws ?? chunk.values, at)
    if (chunk.quality) quality?.set(chunk.quality, at)
    at += times.length
    return { batchId, startUs: times[0]!, endUs: times[times.length - 1]!, n: times.length }
  })
  return { timesUs, values, raws, quality, parts }
}

/** One chunk out of a bundle, as it was stored: a copy, so that a cache of it does not hold the whole bundle. */
export function cutChunk(bundle: Run, skip: number, n: number): Run {
  return compactRun({
    timesUs: bundle.timesUs.slice(skip, skip + n),
    values: bundle.values.slice(skip, skip + n),
    raws: bundle.raws?.slice(skip, skip + n) ?? null,
    quality: bundle.quality?.slice(skip, skip + n) ?? null,
  })
}
