/** Sequence numbers of notification messages run 1 … 2³²−1 and begin anew with 1 (OPC UA Part 4, 7.14). */
const LAST = 0xffffffff

const after = (sequence: number): number => (sequence >= LAST ? 1 : sequence + 1)

export interface SequenceCheck {
  readonly duplicate: boolean
  /** Numbers that were skipped, oldest first; at most `limit`, `skipped` counts them all. */
  readonly missing: readonly number[]
  readonly skipped: number
}

/** Watches one subscription's sequence. A keep-alive carries the number that the next data will have. */
export function createSequence(limit = 100) {
  let expected: number | undefined
  return {
    accept(sequence: number, isKeepAlive: boolean): SequenceCheck {
      const first = expected ?? sequence
      const ahead = (sequence - first + LAST) % LAST
      // Half of the circle behind is the past.
      if (ahead > LAST / 2) return { duplicate: true, missing: [], skipped: 0 }
      expected = isKeepAlive ? sequence : after(sequence)
      const missing: number[] = []
      for (let next = first; next !== sequence && missing.length < limit; next = after(next)) missing.push(next)
      return { duplicate: false, missing, skipped: ahead }
    },
  }
}
