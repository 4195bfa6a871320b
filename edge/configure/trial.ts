export interface TryTimes {
  /** It must be well within so long, 120 s unless told. */
  readonly wellWithinMs: number
  /** And then be so for so long before it counts, 10 s unless told. */
  readonly settleMs: number
}
export const defaultTryTimes: TryTimes = { wellWithinMs: 120_000, settleMs: 10_000 }

/** Watches a site file that is tried, from the moment it runs. */
export interface Trial {
  /** Null while it is not decided. */
  look(): { readonly well: true } | { readonly well: false; readonly why: string } | null
}

/** @param whyNotWell null when the gateway is well, having run for so long */
export function watchTrial(whyNotWell: (forMs: number) => string | null, { wellWithinMs, settleMs }: TryTimes, nowMs: () => number = () => performance.now()): Trial {
  const beganMs = nowMs()
  let wellSinceMs: number | null = null
  return {
    look() {
      const atMs = nowMs()
      const why = whyNotWell(atMs - beganMs)
      wellSinceMs = why === null ? wellSinceMs ?? atMs : null
      if (wellSinceMs !== null) return atMs - wellSinceMs >= settleMs ? { well: true } : null
      return atMs - beganMs >= wellWithinMs ? { well: false, why: `it was not well within ${Math.round(wellWithinMs / 1000)} s: ${why ?? ''}` } : null
    },
  }
}
