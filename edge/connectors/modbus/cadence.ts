/** Due times at a fixed rate from a start on, without drift: `start + k · every`. Milliseconds of a steady clock. */
export interface Cadence {
  dueMs(): number
  /** Serves what is due at `nowMs`; gives how many due times passed unserved before it. */
  begin(nowMs: number): number
}

export function createCadence(startMs: number, everyMs: number): Cadence {
  // Counted in whole steps: adding the interval up would let rounding errors add up too.
  let step = 0
  return {
    dueMs: () => startMs + step * everyMs,
    begin(nowMs) {
      const latest = Math.max(step, Math.floor((nowMs - startMs) / everyMs))
      const skipped = latest - step
      step = latest + 1
      return skipped
    },
  }
}
