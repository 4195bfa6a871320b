import { endAfter, endAtOrBefore, type WindowGrid } from './timing.ts'
import type { WatermarkStep } from './watermark.ts'

/** Windows with an end in (afterUs, throughUs] became due with one commit and are computed from what was known as of it. */
export interface DueRange {
  readonly commitNumber: number
  readonly afterUs: number
  readonly throughUs: number
}

/** A point in the fold where the lane stood at `closedThroughUs` when a batch came: what is older in it is late. */
export interface LanePosition {
  readonly commitNumber: number
  readonly closedThroughUs: number
}

/**
 * Walks a lane through the steps of its watermark. `positions` holds, for each step, where the lane stood before it.
 * The lane never goes back, whatever the watermark does (a source that comes back from idleness lowers it).
 */
export function dueRanges(
  grid: WindowGrid, latenessUs: number, closedThroughUs: number, steps: readonly WatermarkStep[],
): { ranges: DueRange[]; positions: LanePosition[]; closedThroughUs: number } {
  const ranges: DueRange[] = []
  const positions: LanePosition[] = []
  let closed = closedThroughUs
  for (const step of steps) {
    positions.push({ commitNumber: step.commitNumber, closedThroughUs: closed })
    if (!Number.isFinite(step.watermarkUs)) continue
    const through = endAtOrBefore(grid, step.watermarkUs - latenessUs)
    if (through <= closed) continue
    ranges.push({ commitNumber: step.commitNumber, afterUs: closed, throughUs: through })
    closed = through
  }
  return { ranges, positions, closedThroughUs: closed }
}

/**
 * The ends of a due range whose windows hold at least one reading, ascending. `nextReadingUs(t)` gives the first known
 * reading time at or after t, or undefined: a gap of a year costs one look, not a walk over its hops.
 */
export function occupiedEnds(
  grid: WindowGrid, range: DueRange, nextReadingUs: (fromUs: number) => number | undefined,
): number[] {
  const ends: number[] = []
  let end = endAfter(grid, range.afterUs)
  while (end <= range.throughUs) {
    const reading = nextReadingUs(end - grid.windowUs)
    if (reading === undefined) break
    if (reading < end) {
      ends.push(end)
      end += grid.hopUs
    } else {
      end = endAfter(grid, reading)
    }
  }
  return ends
}
