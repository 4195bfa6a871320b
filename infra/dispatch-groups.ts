import type { WaitingBatch } from '../registry/store/waiting-batches.ts'

/** What one workflow takes: enough to make its fixed cost small, and a bound on the worker's memory. */
export const groupLimits = { batches: 64, rows: 800_000 } as const

/** How long a missing batch of a sequence is waited for, in micros of wall time. */
export const GAP_PATIENCE_US = 60_000_000

export interface Group {
  readonly key: string
  readonly batches: readonly WaitingBatch[]
  /** Batches were missing before the first one, and no longer waited for. */
  readonly passedGap: boolean
}

export const bufferKey = ({ site, gateway, epoch }: WaitingBatch): string => `${site}/${gateway}/${epoch}`

/**
 * The next group of each gateway buffer: batches in unbroken sequence, so that decisions do not depend on the order of
 * arrival. A gap holds a buffer back until the batch behind it has waited {@link GAP_PATIENCE_US}. `waiting` is ordered
 * by buffer and sequence.
 */
export function nextGroups(waiting: readonly WaitingBatch[], nowUs: number): Group[] {
  const byBuffer = new Map<string, WaitingBatch[]>()
  for (const batch of waiting) {
    const list = byBuffer.get(bufferKey(batch))
    if (list) list.push(batch)
    else byBuffer.set(bufferKey(batch), [batch])
  }
  const groups: Group[] = []
  for (const [key, list] of byBuffer) {
    const first = list[0]!
    if (!first.follows && nowUs - first.receivedUs < GAP_PATIENCE_US) continue
    let rows = 0
    const batches: WaitingBatch[] = []
    for (const batch of list) {
      if (batches.length > 0 && (!batch.follows || rows + batch.rowCount > groupLimits.rows || batches.length === groupLimits.batches)) break
      batches.push(batch)
      rows += batch.rowCount
    }
    groups.push({ key, batches, passedGap: !first.follows })
  }
  // Longest waiting first, so that busy gateways cannot keep the others out when there is room for a few only.
  return groups.sort((a, b) => a.batches[0]!.receivedUs - b.batches[0]!.receivedUs)
}
