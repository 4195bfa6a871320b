import { checkSeries } from '../checks/check-series.ts'
import type { TagChecks } from '../checks/limits.ts'
import { BAD, QUALITY_LEVEL_MASK, qualityReasons, UNCERTAIN } from '../contract/quality.ts'
import type { Run } from './chunk.ts'
import { gatherRun, lowerBound, sliceRun } from './runs.ts'

/** What the asset registry says of a tag that its readings are held against. */
export interface IngestTag {
  readonly tagRef: number
  readonly assetRef: number
  readonly kind: 'scalar' | 'waveform'
  /** Declared ranges in the canonical unit, each for its time of validity. */
  readonly ranges: readonly DeclaredRange[]
  /** Declared checks, each for its time of validity; absent for the many tags that have none. */
  readonly checks?: readonly DeclaredChecks[]
}

export interface DeclaredRange { readonly fromUs: number; readonly toUs: number; readonly low: number; readonly high: number }
export interface DeclaredChecks { readonly fromUs: number; readonly toUs: number; readonly checks: TagChecks }

/** Why rows are set aside; the codes stand in the quarantine table. */
export type RowRefusal = 'unknown_tag' | 'wrong_kind' | 'not_finite' | 'future_time' | 'implausible_time' | 'too_long'

export const rowRefusals: Record<RowRefusal, string> = {
  unknown_tag: 'The site has no such tag; import it, then send the readings again.',
  wrong_kind: 'The tag holds the other kind of data (scalar readings or waveforms).',
  not_finite: 'The value is not a finite number, but its quality is not bad.',
  future_time: 'The source time is more than 5 minutes after the batch was received; set the clock of the source.',
  implausible_time: 'The source time is before 1990; set the clock of the source.',
  too_long: 'The waveform lasts longer than an hour; send it in parts, or as scalar readings.',
}

/** How far a source's clock may run ahead of ours. */
export const FUTURE_TOLERANCE_US = 5 * 60 * 1_000_000

/** 1990-01-01: earlier ones are clocks that were never set, and would each ask for a partition of their own. */
export const EARLIEST_US = 631_152_000_000_000

export interface RefusedRows {
  readonly code: RowRefusal
  readonly count: number
  readonly firstUs: number
  readonly lastUs: number
  /** Plain JSON: a value that is not finite is written as text. */
  readonly sample: readonly { readonly sourceUs: number; readonly value: number | string }[]
}

const NOTHING: Run = { timesUs: new Float64Array(), values: new Float64Array(), raws: null, quality: null }

/**
 * Sets aside the rows of one tag that cannot stand, and marks those outside the tag's declared range (uncertain, reason
 * `range`) or that fail its checks, which are stored. A run without fault comes back as it is.
 */
export function checkRun(run: Run, tag: IngestTag | undefined, receivedUs: number): { good: Run; refused: RefusedRows[] } {
  if (!tag) return { good: NOTHING, refused: [describe(run, 'unknown_tag', null)] }
  if (tag.kind !== 'scalar') return { good: NOTHING, refused: [describe(run, 'wrong_kind', null)] }

  const { timesUs, values, quality } = run
  const n = timesUs.length
  // Times ascend, so those too early or too late are the ends of the run.
  const from = lowerBound(timesUs, EARLIEST_US)
  const to = lowerBound(timesUs, receivedUs + FUTURE_TOLERANCE_US + 1)
  const notFinite: number[] = []
  for (let row = from; row < to; row++) {
    // x - x is 0 for every finite x, NaN for all others.
    if (values[row]! - values[row]! !== 0 && ((quality?.[row] ?? 0) & QUALITY_LEVEL_MASK) < BAD) notFinite.push(row)
  }
  if (from === 0 && to === n && notFinite.length === 0) return { good: mark(run, tag), refused: [] }

  const refused: RefusedRows[] = []
  const indices = (start: number, end: number): number[] => Array.from({ length: Math.max(0, end - start) }, (_, i) => start + i)
  if (from > 0) refused.push(describe(run, 'implausible_time', indices(0, from)))
  if (to < n) refused.push(describe(run, 'future_time', indices(Math.max(from, to), n)))
  if (notFinite.length > 0) refused.push(describe(run, 'not_finite', notFinite))
  const out = new Set(notFinite)
  const good = gatherRun(run, indices(from, to).filter((row) => !out.has(row)))
  return { good: mark(good, tag), refused }
}

function mark(run: Run, { ranges, checks }: IngestTag): Run {
  const inRange = markRange(run, ranges)
  return checks ? markChecks(inRange, checks) : inRange
}

/** What the edge runs, within the batch alone: what was there before may come later, and must change nothing. */
function markChecks(run: Run, periods: readonly DeclaredChecks[]): Run {
  let marked: Uint16Array | null = null
  for (const { fromUs, toUs, checks } of periods) {
    const from = lowerBound(run.timesUs, fromUs)
    const { quality, flagged } = checkSeries(sliceRun(run, from, Math.max(from, lowerBound(run.timesUs, toUs))), checks)
    if (flagged === 0 || !quality) continue
    marked ??= run.quality?.slice() ?? new Uint16Array(run.timesUs.length)
    marked.set(quality, from)
  }
  return marked ? { ...run, quality: marked } : run
}

function markRange(run: Run, ranges: readonly DeclaredRange[]): Run {
  let marked: Uint16Array | null = null
  for (const { fromUs, toUs, low, high } of ranges) {
    const end = lowerBound(run.timesUs, toUs)
    for (let row = lowerBound(run.timesUs, fromUs); row < end; row++) {
      const value = run.values[row]!
      if (!(value < low || value > high)) continue
      // A copy: the decoded batch's columns are views of the bytes that were received.
      marked ??= run.quality?.slice() ?? new Uint16Array(run.timesUs.length)
      const code = marked[row]! | qualityReasons.range
      marked[row] = (code & QUALITY_LEVEL_MASK) === 0 ? code | UNCERTAIN : code
    }
  }
  return marked ? { ...run, quality: marked } : run
}

function describe(run: Run, code: RowRefusal, rows: readonly number[] | null): RefusedRows {
  const count = rows ? rows.length : run.timesUs.length
  const rowAt = (i: number): number => (rows ? rows[i]! : i)
  return {
    code,
    count,
    firstUs: run.timesUs[rowAt(0)]!,
    lastUs: run.timesUs[rowAt(count - 1)]!,
    sample: Array.from({ length: Math.min(count, 3) }, (_, i) => ({ sourceUs: run.timesUs[rowAt(i)]!, value: plain(run.values[rowAt(i)]!) })),
  }
}

const plain = (value: number): number | string => (Number.isFinite(value) ? value : String(value))
