import { sha256Hex } from '../canonical.ts'

export interface SliceCandidate<Criticality extends string = string> { readonly asset: string; readonly criticality: Criticality }

/**
 * Picks a share of machines, from each criticality as many as its share of all (largest remainders; of equal ones the less
 * critical gives first, since a canary may be wrong), and within one by a hash: the same seed gives the same slice, in whatever
 * order machines come, and another seed another. At least one machine, and never all of them.
 *
 * @param least criticalities from the least to the most critical
 * @param percent of the machines, above 0 and below 100
 */
export function pickSlice<C extends string>(candidates: readonly SliceCandidate<C>[], percent: number, seed: string, least: readonly C[]): string[] {
  const wanted = Math.min(Math.max(1, Math.round((candidates.length * percent) / 100)), candidates.length - 1)
  if (wanted < 1) return []
  const strata = least.map((criticality) => candidates.filter((at) => at.criticality === criticality).map(({ asset }) => ({ asset, rank: sha256Hex(`${seed}\u0000${asset}`) }))
    .sort((a, b) => (a.rank < b.rank ? -1 : 1)))
  const shares = strata.map((stratum, i) => {
    const exact = (stratum.length * wanted) / candidates.length
    return { i, whole: Math.floor(exact), rest: exact - Math.floor(exact) }
  })
  let left = wanted - shares.reduce((sum, { whole }) => sum + whole, 0)
  for (const share of [...shares].sort((a, b) => b.rest - a.rest || a.i - b.i)) {
    if (left === 0) break
    share.whole++
    left--
  }
  return shares.flatMap(({ i, whole }) => (strata[i] ?? []).slice(0, whole).map(({ asset }) => asset)).sort()
}
