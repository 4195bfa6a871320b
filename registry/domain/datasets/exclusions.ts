import { canonicalDigest } from '../canonical.ts'

/** A time in which an asset was not normal, and who says so. */
export interface Exclusion {
  readonly asset: string
  readonly fromUs: number
  /** Open when it has not ended. */
  readonly toUs: number | null
  /** e.g. `maintenance:failure`, `label:faulty`. */
  readonly reason: string
  readonly source: string
}

/** Digest of what was known to be abnormal: two datasets with the same one used the same labels. */
export const labelVersion = (exclusions: readonly Exclusion[]): string => canonicalDigest(exclusions)

/**
 * Finds the reason why a window is not normal, or null: the first exclusion (in the order given) that overlaps
 * [startUs, endUs) of its asset.
 */
export function createExclusionFinder(exclusions: readonly Exclusion[]): (asset: string, startUs: number, endUs: number) => string | null {
  const byAsset = new Map<string, Exclusion[]>()
  for (const exclusion of exclusions) {
    const list = byAsset.get(exclusion.asset)
    if (list) list.push(exclusion)
    else byAsset.set(exclusion.asset, [exclusion])
  }
  return (asset, startUs, endUs) =>
    byAsset.get(asset)?.find(({ fromUs, toUs }) => fromUs < endUs && (toUs === null || toUs > startUs))?.reason ?? null
}
