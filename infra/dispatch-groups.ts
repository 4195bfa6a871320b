import { bufferKey } from '../registry/store/batch-news.ts'
import type { WaitingBatch } from '../registry/store/waiting-batches.ts'

/** What one workflow takes: enough to make its fixed cost small, and a bound on the worker's memory. */
export const groupLimits = { batches: 64, rows: 800_000 } as const

/**
 * Groups of one buffer under way at once: the next is stored while the windows of the one before are closed. For less
 * than `rows` that does not pay: few readings in a workflow of their own cost more than they gain by not waiting.
 */
export const overlap = { groups: 2, rows: 200_000 } as const

/** How long a missing batch of a sequence is waited for, in micros of wall time. */
export const GAP_PATIENCE_US = 60_000_000

export interface Group {
  readonly key: string
  readonly batches: readonly WaitingBatch[]
  /** Batches were missing before the first one, and no longer waited for. */
  readonly passedGap: boolean
}

const gatewayKey = ({ site, gateway }: WaitingBatch): string => `${site}/${gateway}`

/**
 * The next group of each gateway buffer: batches in unbroken sequence, so that decisions do not depend on the order of
 * arrival. A gap holds a buffer back until the batch behind it has waited {@link GAP_PATIENCE_US}. `waiting` is ordered
 * by buffer and sequence. Behind a group that is under way another one may go once the former's batches are committed:
 * see {@link overlap}. A gateway's buffers (one mended, cloned or begun anew for another file) store one after the other.
 */
export function nextGroups(waiting: readonly WaitingBatch[], nowUs: number, underWay: readonly Group[] = [], overlapRows: number = overlap.rows): Group[] {
  const byBuffer = new Map<string, WaitingBatch[]>()
  for (const batch of waiting) {
    const list = byBuffer.get(bufferKey(batch))
    if (list) list.push(batch)
    else byBuffer.set(bufferKey(batch), [batch])
  }
  const turns = turnsOf(waiting)
  const storing = buffersStoring(waiting, underWay)
  const groups: Group[] = []
  for (const [key, all] of byBuffer) {
    const before = underWay.filter((group) => group.key === key)
    const taken = idsOf(before)
    const list = all.filter((batch) => !taken.has(batch.batchId) && (batch.stored || turns.get(gatewayKey(batch)) === key))
    const first = list[0]
    if (first === undefined || before.length >= overlap.groups || storing.has(key)) continue
    if (!first.follows && nowUs - first.receivedUs < GAP_PATIENCE_US) continue
    let rows = 0
    const batches: WaitingBatch[] = []
    for (const batch of list) {
      if (batches.length > 0 && (!batch.follows || rows + batch.rowCount > groupLimits.rows || batches.length === groupLimits.batches)) break
      batches.push(batch)
      rows += batch.rowCount
    }
    if (before.length > 0 && rows < overlapRows) continue
    groups.push({ key, batches, passedGap: !first.follows })
  }
  // Longest waiting first, so that busy gateways cannot keep the others out when there is room for a few only.
  return groups.sort((a, b) => a.batches[0]!.receivedUs - b.batches[0]!.receivedUs)
}

/** Keys of buffers of which a group is under way whose readings are not all stored: nothing else of them can go before that. */
export function buffersStoring(waiting: readonly WaitingBatch[], underWay: readonly Group[]): Set<string> {
  const taken = idsOf(underWay)
  return new Set(waiting.filter(({ batchId, stored }) => taken.has(batchId) && !stored).map(bufferKey))
}

const idsOf = (groups: readonly Group[]): Set<string> => new Set(groups.flatMap(({ batches }) => batches.map(({ batchId }) => batchId)))

/**
 * Whose turn it is to store, by gateway: the buffer with the batch that landed before all others. A gateway ships those of
 * a new epoch only when it has the answer to all of the former, so that what landed first was also measured first.
 */
function turnsOf(waiting: readonly WaitingBatch[]): Map<string, string> {
  const first = new Map<string, WaitingBatch>()
  for (const batch of waiting) {
    const found = first.get(gatewayKey(batch))
    if (!batch.stored && (!found || Number(batch.batchId) < Number(found.batchId))) first.set(gatewayKey(batch), batch)
  }
  return new Map([...first].map(([gateway, batch]) => [gateway, bufferKey(batch)]))
}
