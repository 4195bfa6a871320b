import { z } from 'zod'
import { refuse } from '../errors.ts'
import { checkedRowCount } from '../scoring/standardise.ts'
import { binCounts, quantileEdges } from './psi.ts'

const featureReferenceSchema = z.strictObject({
  name: z.string(),
  /** Values it was made from; missing ones are not among them. */
  rows: z.int().min(0),
  edges: z.array(z.number()),
  counts: z.array(z.int().min(0)),
  /** Evenly spaced order statistics, ascending, for the KS test. */
  sample: z.array(z.number()),
})
export type FeatureReference = z.infer<typeof featureReferenceSchema>

/** What later windows are compared with: frozen with the model that was trained on it, small, plain JSON. */
export const driftReferenceSchema = z.strictObject({
  version: z.literal(1),
  features: z.array(featureReferenceSchema).min(1),
})
export type DriftReference = z.infer<typeof driftReferenceSchema>

/**
 * Freezes a reference of row-major `rows` (NaN = missing). The sample is taken at evenly spaced ranks instead of at
 * random: the same rows, in any order, give the same reference, and its distribution function is off by at most
 * 1/(2·sampleSize). A feature without a value is kept, as one that can never be judged.
 */
export function freezeReference(
  names: readonly string[], rows: Float64Array, options: { bins?: number; sampleSize?: number } = {},
): DriftReference {
  const { bins = 10, sampleSize = 512 } = options
  const count = checkedRowCount(rows, names.length)
  if (count === 0) refuse('insufficient_data', 'a drift reference needs at least one row of features')
  return {
    version: 1,
    features: names.map((name, j) => {
      const sorted = sortedColumn(rows, names.length, j)
      if (sorted.length === 0) return { name, rows: 0, edges: [], counts: [0], sample: [] }
      const edges = quantileEdges(sorted, bins)
      return { name, rows: sorted.length, edges, counts: binCounts(sorted, edges), sample: thinned(sorted, sampleSize) }
    }),
  }
}

/** Finite values of column j, ascending. */
export function sortedColumn(rows: Float64Array, width: number, j: number): Float64Array {
  const values = new Float64Array(rows.length / width)
  let n = 0
  for (let at = j; at < rows.length; at += width) {
    const v = rows[at] as number
    if (Number.isFinite(v)) values[n++] = v
  }
  return values.subarray(0, n).sort()
}

function thinned(sorted: Float64Array, size: number): number[] {
  if (sorted.length <= size) return [...sorted]
  return Array.from({ length: size }, (_, i) => sorted[Math.floor(((i + 0.5) * sorted.length) / size)] as number)
}
