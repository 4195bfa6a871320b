import type { ReadingColumns } from '../registry/domain/contract/reading.ts'
import type { NormalReadings } from './normalise.ts'

/** Normalised rows of one raw entry, waiting to be cut. */
export interface NormalBlock extends NormalReadings {
  readonly gatewayUs: number
  /** From the block's own tag index to that of the batch. */
  readonly tagAt: Uint16Array
}

/**
 * The blocks' rows as one set of columns, by (tag, source time, order of arrival), as the contract wants them.
 * A counting sort brings tags together in arrival order; times mostly ascend by then, so only a tag whose times do
 * not is sorted. `tags` ascend; those without a row are left out.
 */
export function sortReadings(tags: readonly string[], blocks: readonly NormalBlock[]): ReadingColumns {
  const counts = new Int32Array(tags.length)
  let total = 0
  for (const { tag, tagAt } of blocks) {
    total += tag.length
    for (let i = 0; i < tag.length; i++) counts[tagAt[tag[i] as number] as number]!++
  }
  const present: string[] = []
  const next = new Int32Array(tags.length)
  const newIndex = new Int32Array(tags.length)
  const starts: number[] = []
  let start = 0
  tags.forEach((key, index) => {
    const count = counts[index] as number
    next[index] = start
    newIndex[index] = present.length
    if (count > 0) {
      present.push(key)
      starts.push(start)
    }
    start += count
  })
  starts.push(total)

  const columns = {
    tags: present,
    tag: new Int32Array(total),
    sourceUs: new Float64Array(total),
    gatewayUs: new Float64Array(total),
    raw: new Float64Array(total),
    value: new Float64Array(total),
    quality: new Uint16Array(total),
  }
  for (const block of blocks) {
    for (let i = 0; i < block.tag.length; i++) {
      const tag = block.tagAt[block.tag[i] as number] as number
      const at = next[tag]!++
      columns.tag[at] = newIndex[tag] as number
      columns.sourceUs[at] = block.sourceUs[i] as number
      columns.gatewayUs[at] = block.gatewayUs
      columns.raw[at] = block.raw[i] as number
      columns.value[at] = block.value[i] as number
      columns.quality[at] = block.quality[i] as number
    }
  }
  for (let t = 0; t < present.length; t++) sortSegment(columns, starts[t] as number, starts[t + 1] as number)
  return columns
}

function sortSegment(columns: Omit<ReadingColumns, 'tags'>, from: number, to: number): void {
  const times = columns.sourceUs
  let ascending = true
  for (let i = from + 1; i < to && ascending; i++) ascending = (times[i - 1] as number) <= (times[i] as number)
  if (ascending) return
  const order = Array.from({ length: to - from }, (_, i) => from + i).sort((a, b) => (times[a] as number) - (times[b] as number) || a - b)
  for (const column of [columns.sourceUs, columns.gatewayUs, columns.raw, columns.value, columns.quality]) {
    const sorted = order.map((i) => column[i] as number)
    column.set(sorted, from)
  }
}
