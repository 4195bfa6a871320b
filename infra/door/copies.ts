/** A session as far as telling copies apart needs it; times are of one even clock, ms. */
export interface Seen {
  readonly epoch: string | null
  readonly sinceMs: number
  readonly lastActiveMs: number
}

/**
 * Whether two sessions of one gateway are both at work: an earlier one still speaks a good while after the later one came,
 * which the half-open rest of a lost connection never does. Then one box is a copy of the other.
 * @param graceMs what of the earlier one may still be on its way when the later one comes
 */
export function bothAtWork<S extends Seen>(sessions: readonly S[], graceMs: number): readonly [S, S] | null {
  const inOrder = [...sessions].sort((a, b) => a.sinceMs - b.sinceMs)
  for (const [at, later] of inOrder.entries()) {
    const earlier = inOrder.slice(0, at).find(({ lastActiveMs }) => lastActiveMs >= later.sinceMs + graceMs)
    if (earlier !== undefined && later.lastActiveMs >= later.sinceMs) return [earlier, later]
  }
  return null
}
