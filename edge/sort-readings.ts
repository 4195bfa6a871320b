import type { ReadingColumns } from '../registry/domain/contract/reading.ts'
import type { ReadingRows } from './reading-rows.ts'

/**
 * The rows as one set of columns, by (tag, source time, order of arrival), as the contract wants them. A counting sort
 * brings tags together in arrival order; times mostly ascend by then, so only a tag whose times do not is sorted.
 * @param names of the tags, by the rows' numbers; several maps may name the same one
 */
export function sortReadings(names: readonly string[], rows: ReadingRows): ReadingColumns {
  const tags = [...new Set(names)].sort()
  const rankOf = new Map(tags.map((tag, rank) => [tag, rank]))
  const rank = Int32Array.from(names, (name) => rankOf.get(name) ?? 0)
  const total = rows.length
  const counts = new Int32Array(tags.length)
  for (let i = 0; i < total; i++) counts[rank[rows.tag[i] as number] as number]!++
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
  for (let i = 0; i < total; i++) {
    const tag = rank[rows.tag[i] as number] as number
    const at = next[tag]!++
    columns.tag[at] = newIndex[tag] as number
    columns.sourceUs[at] = rows.sourceUs[i] as number
    columns.gatewayUs[at] = rows.gatewayUs[i] as number
    columns.raw[at] = rows.raw[i] as number
    columns.value[at] = rows.value[i] as number
    columns.quality[at] = rows.quality[i] as number
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
