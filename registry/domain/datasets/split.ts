/** What a row may be used for. `gap` rows share readings with a neighbour in another part, so they are used for nothing. */
export const parts = ['train', 'calibration', 'test', 'gap'] as const
export type Part = (typeof parts)[number]

export interface SplitRow {
  readonly asset: string
  readonly startUs: number
  readonly endUs: number
  /** Excluded rows do not count towards the shares, but get the part of their time. */
  readonly excluded: boolean
}

export interface SplitShares { readonly train: number; readonly calibration: number }

/** The rest is the test part. */
export const defaultShares: SplitShares = { train: 0.6, calibration: 0.2 }

/**
 * Parts of rows that are sorted by window end: each asset's oldest normal rows train, the next calibrate, the newest
 * test. By asset, since a family's model must have seen every machine; by time, since random rows would put
 * neighbouring windows, which share readings, on both sides.
 */
export function splitByTime(rows: readonly SplitRow[], shares: SplitShares = defaultShares): Part[] {
  const ends = new Map<string, number[]>()
  for (const row of rows) {
    if (row.excluded) continue
    const list = ends.get(row.asset)
    if (list) list.push(row.endUs)
    else ends.set(row.asset, [row.endUs])
  }
  const cuts = new Map([...ends].map(([asset, list]) => [asset, {
    train: cutAfter(list, shares.train), calibration: cutAfter(list, shares.train + shares.calibration),
  }]))
  return rows.map(({ asset, startUs, endUs }) => {
    const cut = cuts.get(asset)
    if (cut === undefined) return 'gap'
    if (endUs <= cut.train) return 'train'
    if (startUs >= cut.calibration) return 'test'
    return startUs >= cut.train && endUs <= cut.calibration ? 'calibration' : 'gap'
  })
}

/** The end of the last window within the share. */
function cutAfter(ends: readonly number[], share: number): number {
  const count = Math.max(1, Math.floor(ends.length * share))
  return ends[Math.min(count, ends.length) - 1] as number
}
