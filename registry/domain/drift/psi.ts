import { refuse } from '../errors.ts'

/**
 * Upper edges of quantile bins over ascending reference values, strictly ascending: bin i holds (edge[i−1], edge[i]],
 * the last bin everything above. Ties merge bins. A reference that never moved gets three: below, at, and above it.
 */
export function quantileEdges(sorted: ArrayLike<number>, bins: number): number[] {
  const n = sorted.length
  if (n === 0 || bins < 2) refuse('invalid', `quantile bins need reference values and at least 2 bins, got ${n} and ${bins}`)
  const lowest = sorted[0] as number
  const highest = sorted[n - 1] as number
  if (lowest === highest) return [lowest - Math.max(Math.abs(lowest) * 1e-9, Number.MIN_VALUE), highest]
  const edges: number[] = []
  for (let b = 1; b < bins; b++) {
    const edge = sorted[Math.ceil((b * n) / bins) - 1] as number
    const previous = edges[edges.length - 1]
    // An edge at the maximum would leave the last bin empty of the reference for ever.
    if (edge < highest && (previous === undefined || edge > previous)) edges.push(edge)
  }
  return edges.length > 0 ? edges : [lowest]
}

/** Values per bin; as many bins as edges plus one. */
export function binCounts(values: ArrayLike<number>, edges: readonly number[]): number[] {
  const counts = new Array<number>(edges.length + 1).fill(0)
  for (let i = 0; i < values.length; i++) {
    const v = values[i] as number
    let lo = 0
    let hi = edges.length
    while (lo < hi) {
      const middle = (lo + hi) >>> 1
      if ((edges[middle] as number) < v) lo = middle + 1
      else hi = middle
    }
    counts[lo] = (counts[lo] as number) + 1
  }
  return counts
}

/**
 * Population stability index Σ(p−q)·ln(p/q) between two sets of bin counts, 0 when their shares agree; by custom
 * 0.1 is a small and 0.25 a large shift (N. Siddiqi, Credit Risk Scorecards, 2006). Every bin gets half a count on both
 * sides, so that an empty bin is a finite surprise that shrinks as evidence grows. With n and m values of one
 * distribution it is about (bins − 1)(1/n + 1/m) by chance (B. Yurdakul, 2018): small samples look shifted.
 */
export function populationStabilityIndex(reference: readonly number[], current: readonly number[]): number {
  if (reference.length !== current.length) {
    refuse('invalid', `PSI compares the same bins, got ${reference.length} and ${current.length}`)
  }
  const bins = reference.length
  const referenceTotal = reference.reduce((sum, c) => sum + c, 0) + bins / 2
  const currentTotal = current.reduce((sum, c) => sum + c, 0) + bins / 2
  let psi = 0
  for (let b = 0; b < bins; b++) {
    const p = ((current[b] as number) + 0.5) / currentTotal
    const q = ((reference[b] as number) + 0.5) / referenceTotal
    psi += (p - q) * Math.log(p / q)
  }
  return psi
}
