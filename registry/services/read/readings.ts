import { demand, type Actor } from '../../domain/access/rights.ts'
import { qualityLevel, qualityReasonsOf, type QualityLevel, type QualityReason } from '../../domain/contract/quality.ts'
import { microsToIso } from '../../domain/contract/time.ts'
import { refuse } from '../../domain/errors.ts'
import type { MergedRun } from '../../domain/ingest/chunk.ts'
import { createBuckets } from '../../domain/twin/buckets.ts'
import { readTagRange } from '../../store/chunks.ts'
import { timestampToUs, usToTimestamp, utcMidnight } from '../../store/sql-time.ts'
import { inSite, type Tx } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'
import { decodeCursor, encodeCursor } from './page.ts'
import { tagOf } from './tag-of.ts'

export interface ReadingsInput {
  readonly site: string
  readonly tag: string
  readonly fromUs?: number | undefined
  readonly toUs?: number | undefined
  /** Knowledge of this commit number; absent: of now. */
  readonly asOf?: number | undefined
}

/** Columns of equal length, in time order. */
export interface ReadingColumns {
  readonly tag: string
  readonly unit: string
  readonly from: string
  readonly to: string
  readonly asOf: number
  readonly times: string[]
  readonly values: (number | null)[]
  /** Of single readings only. */
  readonly quality?: QualityLevel[]
  readonly reasons?: QualityReason[][]
  readonly raw?: (number | null)[]
  /** Of intervals only: extremes, and how many readings each stands for; `values` are their means. */
  readonly low?: number[]
  readonly high?: number[]
  readonly counts?: number[]
  readonly bucketUs?: number
  readonly nextCursor: string | null
}

const DAY_US = 86_400_000_000
/** Read at once; more than that is read slice by slice. */
const SLICE_READINGS = 400_000
/** More than this would keep a reader waiting for a minute and a core busy. */
const MOST_READINGS = 30_000_000
const MOST_CHUNKS = 20_000

interface Slice { readonly fromUs: number; readonly toUs: number }

/** Single readings of [from, to), page by page under one as-of number. Without times: the day up to the newest reading. */
export async function listReadings(
  ctx: ServiceContext, actor: Actor, input: ReadingsInput & { limit: number; cursor?: string | undefined },
): Promise<ReadingColumns> {
  demand(actor, 'read', input.site)
  const [afterUs, skip, pinned] = decodeCursor(input.cursor, ['number', 'number', 'number']) as (number | null)[]
  return inSite(ctx.pool, input.site, async (tx) => {
    const range = await rangeOf(tx, ctx, pinned === null || pinned === undefined ? input : { ...input, asOf: pinned })
    const { fromUs, toUs, asOf, tag } = range
    const startUs = afterUs ?? fromUs
    const [toSkip, wanted] = [skip ?? 0, input.limit + 1]
    const rows: { timeUs: number; value: number; raw: number; quality: number }[] = []
    let seen = 0
    for (const slice of await slicesOf(tx, tag.tagRef, { fromUs: startUs, toUs }, 2 * (toSkip + wanted), false)) {
      const run = await readTagRange(tx, tag.tagRef, slice.fromUs, slice.toUs, asOf)
      for (let i = 0; i < run.timesUs.length && rows.length < wanted; i++) if (seen++ >= toSkip) rows.push(rowOf(run, i))
      if (rows.length >= wanted) break
    }
    const shown = rows.slice(0, input.limit)
    return {
      ...headOf(input.tag, range),
      times: shown.map((row) => microsToIso(row.timeUs)),
      values: shown.map((row) => finiteOrNull(row.value)),
      raw: shown.map((row) => finiteOrNull(row.raw)),
      quality: shown.map((row) => qualityLevel(row.quality)),
      reasons: shown.map((row) => qualityReasonsOf(row.quality)),
      nextCursor: rows.length > input.limit ? nextCursor(shown, startUs, toSkip, asOf) : null,
    }
  })
}

/** The same range in at most `points` equal intervals with their extremes: what a chart needs, at any zoom. */
export async function sampleReadings(ctx: ServiceContext, actor: Actor, input: ReadingsInput & { points: number }): Promise<ReadingColumns> {
  demand(actor, 'read', input.site)
  return inSite(ctx.pool, input.site, async (tx) => {
    const range = await rangeOf(tx, ctx, input)
    const { fromUs, toUs, asOf, tag } = range
    const bucketUs = Math.max(1, Math.ceil((toUs - fromUs) / input.points))
    const buckets = createBuckets(fromUs, bucketUs)
    for (const slice of await slicesOf(tx, tag.tagRef, range, SLICE_READINGS, true)) {
      buckets.add(await readTagRange(tx, tag.tagRef, slice.fromUs, slice.toUs, asOf))
    }
    const done = buckets.done()
    return {
      ...headOf(input.tag, range), bucketUs, nextCursor: null,
      times: done.map((bucket) => microsToIso(bucket.startUs)),
      values: done.map((bucket) => bucket.mean), low: done.map((bucket) => bucket.low), high: done.map((bucket) => bucket.high),
      counts: done.map((bucket) => bucket.count),
    }
  })
}

type Range = Slice & { readonly asOf: number; readonly tag: Awaited<ReturnType<typeof tagOf>> }

async function rangeOf(tx: Tx, { nowUs }: Pick<ServiceContext, 'nowUs'>, input: ReadingsInput): Promise<Range> {
  const tag = await tagOf(tx, input.site, input.tag, 'scalar')
  const toUs = input.toUs ?? (tag.newestUs ?? nowUs()) + 1
  const fromUs = input.fromUs ?? toUs - DAY_US
  if (fromUs >= toUs) refuse('invalid', `from (${microsToIso(fromUs)}) must lie before to (${microsToIso(toUs)}); the range is half open`, { parameter: 'from' })
  return { fromUs, toUs, tag, asOf: Math.min(input.asOf ?? tag.lastCommit, tag.lastCommit) }
}

const headOf = (tag: string, range: Range) => ({
  tag, unit: range.tag.unit, from: microsToIso(range.fromUs), to: microsToIso(range.toUs), asOf: range.asOf,
})

/**
 * Cuts a range where chunks begin, so that each slice holds about `size` readings. Whoever wants all of it is refused
 * (`too_large`) what no chart should ask for; a reader of pages gets the beginning.
 */
async function slicesOf(tx: Tx, tagRef: number, { fromUs, toUs }: Slice, size: number, whole: boolean): Promise<Slice[]> {
  const { rows } = await tx.query<{ start_us: string; n: number }>(
    `select ${timestampToUs('t_min')} as start_us, n from reading_chunk
     where tag_ref = $1 and t_min >= ${usToTimestamp('$2')} and t_min < ${usToTimestamp('$3')} and t_max >= ${usToTimestamp('$4')}
     order by t_min limit ${MOST_CHUNKS}`,
    [tagRef, utcMidnight(fromUs), toUs, fromUs],
  )
  const cut = rows.length === MOST_CHUNKS
  if (whole && (cut || rows.reduce((sum, row) => sum + row.n, 0) > MOST_READINGS)) {
    refuse('too_large', `this range holds more than ${MOST_READINGS} readings; ask for a shorter one with from and to`, { parameter: 'from' })
  }
  const slices: Slice[] = []
  let sliceFrom = fromUs
  let held = 0
  for (const row of rows) {
    const startUs = Number(row.start_us)
    if (held + row.n > size && startUs > sliceFrom) {
      slices.push({ fromUs: sliceFrom, toUs: startUs })
      sliceFrom = startUs
      held = 0
    }
    held += row.n
  }
  if (held > 0 && !cut) slices.push({ fromUs: sliceFrom, toUs })
  return slices
}

const rowOf = (run: MergedRun, i: number) => {
  const value = run.values[i] as number
  return { timeUs: run.timesUs[i] as number, value, raw: run.raws?.[i] ?? value, quality: run.quality?.[i] ?? 0 }
}

/** The next page begins at the time of the last reading shown, past those of that time that were shown. */
function nextCursor(shown: readonly { timeUs: number }[], startUs: number, skipped: number, asOf: number): string {
  const last = shown.at(-1)?.timeUs ?? startUs
  const sameTime = shown.filter((row) => row.timeUs === last).length
  return encodeCursor([last, last === startUs ? skipped + sameTime : sameTime, asOf])
}

const finiteOrNull = (value: number): number | null => (Number.isFinite(value) ? value : null)
