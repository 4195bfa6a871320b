import type { MergedRun, Run, Span, StoredChunk } from './chunk.ts'
import { lowerBound, sliceRun } from './runs.ts'

/** A chunk's rows within the span. */
interface Piece { readonly chunk: StoredChunk; readonly run: Run; readonly first: number; readonly last: number }

/**
 * What was known of one tag in a span as of a commit number: in time order, at each time occurrence by occurrence the
 * newest revision. Chunks may come in any order. In the usual case nothing overlaps, and this is a concatenation.
 */
export function mergeChunks(chunks: readonly StoredChunk[], span: Span, asOfCommit: number): MergedRun {
  return fromOneChunk(chunks, span, asOfCommit) ?? mergeWithRevisions(chunks, span, asOfCommit).run
}

/** The case of nearly every window: all that was known of the span stands in one chunk. Views of it, no sorting, no lists. */
function fromOneChunk(chunks: readonly StoredChunk[], span: Span, asOfCommit: number): MergedRun | undefined {
  let only: StoredChunk | undefined
  let from = 0
  let to = 0
  for (const chunk of chunks) {
    const { timesUs } = chunk
    if (chunk.commitNumber > asOfCommit || timesUs[0]! >= span.toUs || timesUs[timesUs.length - 1]! < span.fromUs) continue
    const first = lowerBound(timesUs, span.fromUs)
    const past = lowerBound(timesUs, span.toUs)
    if (first === past) continue
    if (only !== undefined) return undefined
    only = chunk
    from = first
    to = past
  }
  if (only === undefined) return undefined
  const { timesUs, values, raws, quality } = sliceRun(only, from, to)
  return { timesUs, values, raws, quality, commitNumber: only.commitNumber, receivedUs: only.receivedUs }
}

/** The same with the revision each reading comes from; null: all from revision 0. */
export function mergeWithRevisions(
  chunks: readonly StoredChunk[], span: Span, asOfCommit: number,
): { run: MergedRun; revisions: Int16Array | null } {
  const pieces: Piece[] = []
  for (const chunk of chunks) {
    if (chunk.commitNumber > asOfCommit) continue
    const from = lowerBound(chunk.timesUs, span.fromUs)
    const to = lowerBound(chunk.timesUs, span.toUs)
    if (from < to) pieces.push({ chunk, run: sliceRun(chunk, from, to), first: chunk.timesUs[from]!, last: chunk.timesUs[to - 1]! })
  }
  pieces.sort((a, b) => a.first - b.first)
  const apart = pieces.every((piece, i) => i === 0 || piece.first > pieces[i - 1]!.last)
  const order = apart ? null : orderOverlapping(pieces)
  const n = order ? order.length : pieces.reduce((sum, { run }) => sum + run.timesUs.length, 0)
  const run: MergedRun = {
    ...gather(pieces, order, n),
    commitNumber: pieces.reduce((newest, { chunk }) => Math.max(newest, chunk.commitNumber), 0),
    receivedUs: pieces.reduce((newest, { chunk }) => Math.max(newest, chunk.receivedUs), 0),
  }
  if (pieces.every(({ chunk }) => chunk.revision === 0)) return { run, revisions: null }
  const revisions = new Int16Array(n)
  visit(pieces, order, (piece, _row, to) => { revisions[to] = piece.chunk.revision })
  return { run, revisions }
}

interface Entry { readonly piece: number; readonly row: number; readonly time: number; readonly occurrence: number; readonly revision: number }

/** Of each (time, occurrence) the entry with the highest revision, in order. */
function orderOverlapping(pieces: readonly Piece[]): Entry[] {
  const entries: Entry[] = []
  pieces.forEach(({ chunk, run }, piece) => {
    let occurrence = 0
    for (let row = 0; row < run.timesUs.length; row++) {
      const time = run.timesUs[row]!
      occurrence = row > 0 && run.timesUs[row - 1] === time ? occurrence + 1 : 0
      entries.push({ piece, row, time, occurrence, revision: chunk.revision })
    }
  })
  entries.sort((a, b) => a.time - b.time || a.occurrence - b.occurrence || b.revision - a.revision)
  return entries.filter((entry, i) => {
    const before = entries[i - 1]
    return !before || before.time !== entry.time || before.occurrence !== entry.occurrence
  })
}

function visit(pieces: readonly Piece[], order: readonly Entry[] | null, see: (piece: Piece, row: number, to: number) => void): void {
  if (order) {
    order.forEach((entry, to) => { see(pieces[entry.piece]!, entry.row, to) })
    return
  }
  let to = 0
  for (const piece of pieces) for (let row = 0; row < piece.run.timesUs.length; row++) see(piece, row, to++)
}

function gather(pieces: readonly Piece[], order: readonly Entry[] | null, n: number): Run {
  if (!order && pieces.length === 1) return pieces[0]!.run
  const hasRaws = pieces.some(({ run }) => run.raws !== null)
  const hasQuality = pieces.some(({ run }) => run.quality !== null)
  const merged = {
    timesUs: new Float64Array(n),
    values: new Float64Array(n),
    raws: hasRaws ? new Float64Array(n) : null,
    quality: hasQuality ? new Uint16Array(n) : null,
  }
  if (!order) {
    let to = 0
    for (const { run } of pieces) {
      merged.timesUs.set(run.timesUs, to)
      merged.values.set(run.values, to)
      merged.raws?.set(run.raws ?? run.values, to)
      if (run.quality) merged.quality?.set(run.quality, to)
      to += run.timesUs.length
    }
    return merged
  }
  visit(pieces, order, ({ run }, row, to) => {
    merged.timesUs[to] = run.timesUs[row]!
    merged.values[to] = run.values[row]!
    if (merged.raws) merged.raws[to] = (run.raws ?? run.values)[row]!
    if (merged.quality) merged.quality[to] = run.quality?.[row] ?? 0
  })
  return merged
}
