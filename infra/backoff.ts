export interface BackoffOptions {
  /** Wait before the first restart, in ms. */
  firstMs: number
  /** Longest wait, in ms. */
  maxMs: number
  /** A child that ran this long is healthy again: its next restart waits `firstMs`. */
  healthyMs: number
}

export const defaultBackoff: BackoffOptions = { firstMs: 500, maxMs: 30_000, healthyMs: 60_000 }

/** Doubling waits between restarts; `ranMs` is how long the child had been ready before it ended. */
export function createBackoff(options: BackoffOptions = defaultBackoff): { next(ranMs: number): number } {
  let failures = 0
  return {
    next(ranMs) {
      failures = ranMs >= options.healthyMs ? 1 : failures + 1
      return Math.min(options.maxMs, options.firstMs * 2 ** Math.min(failures - 1, 30))
    },
  }
}
