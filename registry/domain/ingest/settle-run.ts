import type { Run, StoredChunk } from './chunk.ts'
import { mergeWithRevisions } from './merge.ts'
import { gatherRun } from './runs.ts'

export interface ReadingCounts {
  readonly accepted: number
  readonly repeated: number
  readonly revised: number
}

/** What becomes of an incoming run: what to store, as which revision, and how its readings count. */
export interface SettledRun {
  readonly counts: ReadingCounts
  readonly parts: readonly { readonly revision: number; readonly run: Run }[]
}

/**
 * Decides about one tag's readings from one batch, given what is stored in their span. A reading is identified by
 * (tag, source time, occurrence at that time): the same again is a repeat and not stored, a differing one (value,
 * device value or quality) a revision. All readings of a time that has a revision, or one occurrence more than before,
 * are stored together under the next revision number, so that their places keep telling their occurrences.
 */
export function settleRun(incoming: Run, stored: readonly StoredChunk[]): SettledRun {
  const n = incoming.timesUs.length
  const allNew: SettledRun = { counts: { accepted: n, repeated: 0, revised: 0 }, parts: n > 0 ? [{ revision: 0, run: incoming }] : [] }
  if (n === 0 || stored.length === 0) return allNew
  const span = { fromUs: incoming.timesUs[0]!, toUs: incoming.timesUs[n - 1]! + 1 }
  const { run: known, revisions } = mergeWithRevisions(stored, span, Infinity)
  if (known.timesUs.length === 0) return allNew

  const counts = { accepted: 0, repeated: 0, revised: 0 }
  const rows = new Map<number, number[]>()
  const keep = (revision: number, from: number, to: number): void => {
    const list = rows.get(revision) ?? []
    rows.set(revision, list)
    for (let row = from; row < to; row++) list.push(row)
  }
  let at = 0
  for (let from = 0, to = 0; from < n; from = to) {
    const time = incoming.timesUs[from]!
    to = endOfTime(incoming.timesUs, from)
    while (at < known.timesUs.length && known.timesUs[at]! < time) at++
    const there = known.timesUs[at] === time ? endOfTime(known.timesUs, at) - at : 0
    if (there === 0) {
      counts.accepted += to - from
      keep(0, from, to)
      continue
    }
    let changed = false
    for (let occurrence = 0; occurrence < to - from; occurrence++) {
      const repeat = occurrence < there && sameReading(incoming, from + occurrence, known, at + occurrence)
      if (repeat) counts.repeated++
      else if (occurrence < there) counts.revised++
      else counts.accepted++
      changed ||= !repeat
    }
    if (changed) keep((revisions?.[at] ?? 0) + 1, from, to)
  }
  const parts = [...rows].sort(([a], [b]) => a - b)
    .map(([revision, list]) => ({ revision, run: list.length === n ? incoming : gatherRun(incoming, list) }))
  return { counts, parts }
}

function endOfTime(timesUs: Float64Array, from: number): number {
  let to = from + 1
  while (to < timesUs.length && timesUs[to] === timesUs[from]) to++
  return to
}

function sameReading(a: Run, i: number, b: Run, j: number): boolean {
  return Object.is(a.values[i]!, b.values[j]!)
    && Object.is((a.raws ?? a.values)[i]!, (b.raws ?? b.values)[j]!)
    && (a.quality?.[i] ?? 0) === (b.quality?.[j] ?? 0)
}
