/**
 * Waits that double up to a limit, with full jitter: after a broker's restart a thousand gateways must not come back
 * in the same instant. `random` gives numbers in [0, 1).
 */
export interface Backoff {
  next(): number
  reset(): void
}

export function createBackoff({ firstMs, maxMs, random }: { firstMs: number; maxMs: number; random: () => number }): Backoff {
  let attempt = 0
  return {
    next() {
      const ceiling = Math.min(maxMs, firstMs * 2 ** attempt)
      attempt = Math.min(attempt + 1, 30)
      // Never below half of the first wait: a broker that refuses at once must not be hammered.
      return Math.max(firstMs / 2, random() * ceiling)
    },
    reset() { attempt = 0 },
  }
}
