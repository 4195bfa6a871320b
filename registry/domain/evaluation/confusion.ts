import { refuse } from '../errors.ts'

/** Rows judged, by what was flagged and what was true. Counts of several recordings are pooled by adding them. */
export interface Confusion {
  tp: number
  fp: number
  fn: number
  tn: number
}

/** Null where the denominator is 0: no positives, no negatives, or nothing at all. */
export interface ConfusionMetrics {
  /** TP/(TP + (FP + FN)/2) */
  f1: number | null
  /** False alarm rate FP/(FP + TN): share of the normal rows that were flagged. */
  far: number | null
  /** Missed alarm rate FN/(FN + TP): share of the anomalous rows that were not. */
  mar: number | null
}

/** Row by row, without point-adjusting: a flag counts for its own row only. Both as 0/1 or booleans, of equal length. */
export function confusionOf(flags: ArrayLike<boolean | number>, truth: ArrayLike<boolean | number>): Confusion {
  if (flags.length !== truth.length) {
    refuse('invalid', `${flags.length} flags were compared with ${truth.length} labels; give one flag per labelled row`)
  }
  const counts = { tp: 0, fp: 0, fn: 0, tn: 0 }
  for (let i = 0; i < flags.length; i++) {
    if (flags[i]) counts[truth[i] ? 'tp' : 'fp']++
    else counts[truth[i] ? 'fn' : 'tn']++
  }
  return counts
}

export function pooled(parts: readonly Confusion[]): Confusion {
  return parts.reduce(
    (sum, part) => ({ tp: sum.tp + part.tp, fp: sum.fp + part.fp, fn: sum.fn + part.fn, tn: sum.tn + part.tn }),
    { tp: 0, fp: 0, fn: 0, tn: 0 },
  )
}

export function confusionMetrics({ tp, fp, fn, tn }: Confusion): ConfusionMetrics {
  const ratio = (numerator: number, denominator: number) => (denominator === 0 ? null : numerator / denominator)
  return { f1: ratio(tp, tp + (fp + fn) / 2), far: ratio(fp, fp + tn), mar: ratio(fn, fn + tp) }
}
