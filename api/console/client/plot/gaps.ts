/** A gap is longer than this many of the usual steps: fewer, and a late reading would break the line. */
const STEPS = 4
/** With fewer steps than this nothing is usual: the width of a bucket is all there is to go by. */
const TELLING_STEPS = 3

export interface Columns { times: number[]; values: (number | null)[][] }

/**
 * Breaks lines where there is no data: puts a moment without values into every gap, one bucket after its beginning.
 * Usual is the median step, or a bucket's width where that is longer.
 *
 * @param times ascending, in seconds
 * @param values columns as long as `times`
 * @param bucket width of a bucket in seconds
 */
export function breakAtGaps(times: readonly number[], values: readonly (readonly (number | null)[])[], bucket: number): Columns {
  const steps = times.slice(1).map((time, i) => time - (times[i] as number))
  const usual = steps.length < TELLING_STEPS ? bucket : Math.max(bucket, median(steps))
  const out: Columns = { times: [], values: values.map(() => []) }
  times.forEach((time, i) => {
    const before = times[i - 1]
    if (before !== undefined && time - before > STEPS * usual) {
      out.times.push(before + usual)
      for (const column of out.values) column.push(null)
    }
    out.times.push(time)
    values.forEach((column, c) => out.values[c]?.push(column[i] ?? null))
  })
  return out
}

/** The places of values that stand alone between gaps: a line shows nothing of them, a dot does. */
export function lonely(values: readonly (number | null | undefined)[]): number[] {
  const none = (i: number) => values[i] === null || values[i] === undefined
  return values.flatMap((_value, i) => (!none(i) && none(i - 1) && none(i + 1) ? [i] : []))
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  return sorted[sorted.length >> 1] ?? 0
}
