import { z } from 'zod'

/** How long windows wait, in microseconds; a site may set its own under `settings.windows`. */
export const windowWaitSchema = z.strictObject({
  /** Event time a window stays open behind the watermark; gateways already hold theirs back for their own disorder. */
  latenessUs: z.int().min(0).default(0),
  /** Wall time without a batch after which a source no longer holds back the others of its asset. */
  idleTimeoutUs: z.int().min(1_000_000).default(60_000_000),
  /** Wall time without further late readings before closed windows are computed again. */
  revisionQuietUs: z.int().min(0).default(30_000_000),
})
export type WindowWait = z.infer<typeof windowWaitSchema>

/** Windows are [end − windowUs, end) with every end a multiple of hopUs since 1970, so all assets share one grid. */
export interface WindowGrid {
  readonly windowUs: number
  readonly hopUs: number
}

/** The last window end at or before an instant. */
export const endAtOrBefore = (grid: WindowGrid, us: number): number => Math.floor(us / grid.hopUs) * grid.hopUs

/** The first window end after an instant: the first window that can hold a reading at that instant. */
export const endAfter = (grid: WindowGrid, us: number): number => endAtOrBefore(grid, us) + grid.hopUs

/**
 * Where a lane starts: just before the end of the first window that lies wholly at or after the hop of its first
 * reading. Windows that begin before the data would be computed from a part and look complete.
 */
export function laneStart(grid: WindowGrid, firstReadingUs: number): number {
  const hop = endAtOrBefore(grid, firstReadingUs)
  return endAtOrBefore(grid, hop + grid.windowUs - 1)
}

/** Ends of the windows that hold any instant of [fromUs, toUs], limited to those at or before `throughUs`; ascending. */
export function endsTouching(grid: WindowGrid, fromUs: number, toUs: number, throughUs: number): number[] {
  const ends: number[] = []
  const last = Math.min(endAtOrBefore(grid, toUs + grid.windowUs), throughUs)
  for (let end = endAfter(grid, fromUs); end <= last; end += grid.hopUs) ends.push(end)
  return ends
}
