/** Flags a recording, row by row, from its rows in time order. */
export type Flagger<Row> = (rows: readonly Row[]) => ArrayLike<boolean>

export interface FlagChange {
  /** Rows cut off the end, or dropped from the start. */
  removed: number
  /** Row of the whole recording whose flag changed. */
  row: number
}

/**
 * Where a detector looks into the future: flags that change when rows are cut off the end. Empty means causal, as far
 * as the cuts tried can tell; only the first change of each cut is reported.
 */
export function futureDependence<Row>(flagger: Flagger<Row>, rows: readonly Row[], cuts: readonly number[]): FlagChange[] {
  const whole = flagger(rows)
  return cuts.flatMap((removed) => {
    const kept = rows.slice(0, Math.max(0, rows.length - removed))
    const flags = flagger(kept)
    for (let row = 0; row < kept.length; row++) {
      if (Boolean(flags[row]) !== Boolean(whole[row])) return [{ removed, row }]
    }
    return []
  })
}

/**
 * Where a detector reads the clock: flags that change, later than `warmUpRows` into the shortened recording, when rows
 * are dropped from the start. Empty means clockless, as far as the drops tried can tell.
 */
export function clockDependence<Row>(
  flagger: Flagger<Row>, rows: readonly Row[], drops: readonly number[], warmUpRows: number,
): FlagChange[] {
  const whole = flagger(rows)
  return drops.flatMap((removed) => {
    const flags = flagger(rows.slice(removed))
    for (let row = removed + warmUpRows; row < rows.length; row++) {
      if (Boolean(flags[row - removed]) !== Boolean(whole[row])) return [{ removed, row }]
    }
    return []
  })
}
