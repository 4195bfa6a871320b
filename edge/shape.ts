import { checkSeries, hasSeriesChecks, type SeriesState } from '../registry/domain/checks/check-series.ts'
import type { Lane } from '../registry/domain/contract/batch.ts'
import { BAD, QUALITY_LEVEL_MASK, qualityReasons, UNCERTAIN } from '../registry/domain/contract/quality.ts'
import type { ReadingColumns, WaveformRow } from '../registry/domain/contract/reading.ts'
import { applyShipRule, pick, type ShipColumns, type ShipState } from './ship-rule.ts'
import type { TagMapping } from './tag-map.ts'

/** What the checks and ship rules must know of each tag's past, by lane and tag; plain JSON, kept with the cut. */
export type ShapeState = Record<string, { readonly checks?: SeriesState | undefined; readonly ship?: ShipState | undefined }>

/** A stretch of one tag worth having in full. */
export interface WantedStretch { readonly tag: string; readonly fromUs: number; readonly toUs: number }

export interface Shaped<T> {
  readonly rows: T
  readonly wanted: readonly WantedStretch[]
  readonly flagged: number
  readonly duplicates: number
}

type MappingOf = (tag: string) => TagMapping | undefined

/**
 * What becomes of normalised readings before they ship: exact repeats go, checks flag, ship rules choose. Changes
 * `state`. Events that `around` rules wait for come back as stretches to be taken from the raw store.
 */
export function shapeReadings(columns: ReadingColumns, lane: Lane, mappingOf: MappingOf, watchers: ReadonlyMap<string, readonly TagMapping[]>, state: ShapeState): Shaped<ReadingColumns> {
  const runs: { tag: string; columns: ShipColumns }[] = []
  const wanted: WantedStretch[] = []
  let flagged = 0
  let duplicates = 0
  let changed = false
  for (let from = 0; from < columns.tag.length;) {
    const index = columns.tag[from] as number
    let to = from + 1
    while (to < columns.tag.length && columns.tag[to] === index) to++
    const tag = columns.tags[index] as string
    const given = stretch(columns, from, to)
    from = to
    const mapping = mappingOf(tag)
    const key = `${lane} ${tag}`
    let run = withoutRepeats(given)
    duplicates += given.value.length - run.value.length
    const before = state[key]
    let checks: SeriesState | undefined
    if (mapping?.checks && hasSeriesChecks(mapping.checks)) {
      const result = checkSeries({ timesUs: run.sourceUs, values: run.value, quality: run.quality }, mapping.checks, before?.checks)
      checks = result.state
      flagged += result.flagged
      if (result.quality && result.quality !== run.quality) run = { ...run, quality: result.quality }
    }
    if (mapping?.calibrationDueUs !== undefined) run = markExpired(run, mapping.calibrationDueUs)
    if (lane === 'live') for (const watcher of watchers.get(tag) ?? []) wanted.push(...stretchesAround(watcher, run))
    const shipped = applyShipRule(mapping?.ship ?? 'all', run, before?.ship)
    if (checks || shipped.state) state[key] = { checks, ship: shipped.state }
    changed ||= shipped.columns !== given
    runs.push({ tag, columns: shipped.columns })
  }
  return { rows: changed ? join(runs) : columns, wanted, flagged, duplicates }
}

/** Waveforms know three rules only: all, the first of each interval, around an event. */
export function shapeWaveforms(rows: readonly WaveformRow[], lane: Lane, mappingOf: MappingOf, state: ShapeState): Shaped<readonly WaveformRow[]> {
  const kept = rows.filter((row) => {
    const mapping = mappingOf(row.tag)
    const rule = mapping?.ship ?? 'all'
    if (rule === 'all' || !('every' in rule || 'around' in rule)) return true
    if ('around' in rule) return false
    const key = `${lane} ${row.tag}`
    const before = state[key]?.ship
    if (before?.kind === 'interval' && row.startUs < before.endUs) return false
    const everyUs = rule.every.seconds * 1e6
    state[key] = { ship: { kind: 'interval', endUs: (Math.floor(row.startUs / everyUs) + 1) * everyUs } }
    return true
  })
  const marked = kept.map((row) => {
    const dueUs = mappingOf(row.tag)?.calibrationDueUs
    return dueUs !== undefined && row.startUs >= dueUs ? { ...row, quality: expired(row.quality) } : row
  })
  return { rows: marked, wanted: [], flagged: 0, duplicates: 0 }
}

/** Which tags' values tell of events, and for which mappings: by the watched tag. */
export function watchersOf(mappings: readonly TagMapping[]): Map<string, TagMapping[]> {
  const out = new Map<string, TagMapping[]>()
  for (const mapping of mappings) {
    if (typeof mapping.ship !== 'object' || !('around' in mapping.ship)) continue
    const watched = mapping.ship.around.tag ?? mapping.tag
    out.set(watched, [...(out.get(watched) ?? []), mapping])
  }
  return out
}

function stretchesAround({ tag, ship }: TagMapping, { sourceUs, value }: ShipColumns): WantedStretch[] {
  if (typeof ship !== 'object' || !('around' in ship)) return []
  const { above = Infinity, below = -Infinity, beforeSeconds, afterSeconds } = ship.around
  const out: { tag: string; fromUs: number; toUs: number }[] = []
  for (let i = 0; i < value.length; i++) {
    const x = value[i] as number
    if (!(x > above || x < below)) continue
    const fromUs = (sourceUs[i] as number) - beforeSeconds * 1e6
    const toUs = (sourceUs[i] as number) + afterSeconds * 1e6
    const last = out.at(-1)
    if (last && fromUs <= last.toUs) last.toUs = toUs
    else out.push({ tag, fromUs, toUs })
  }
  return out
}

function stretch({ sourceUs, gatewayUs, raw, value, quality }: ReadingColumns, from: number, to: number): ShipColumns {
  return {
    sourceUs: sourceUs.subarray(from, to), gatewayUs: gatewayUs.subarray(from, to), raw: raw.subarray(from, to),
    value: value.subarray(from, to), quality: quality.subarray(from, to),
  }
}

/** A reading given twice (same time, same number, same quality) is one reading. */
function withoutRepeats(columns: ShipColumns): ShipColumns {
  const { sourceUs, raw, quality } = columns
  let repeats = false
  const isRepeat = (i: number) => sourceUs[i] === sourceUs[i - 1] && Object.is(raw[i], raw[i - 1]) && quality[i] === quality[i - 1]
  for (let i = 1; i < raw.length && !repeats; i++) repeats = isRepeat(i)
  if (!repeats) return columns
  return pick(columns, Array.from(raw.keys()).filter((i) => i === 0 || !isRepeat(i)))
}

function markExpired(columns: ShipColumns, dueUs: number): ShipColumns {
  const first = columns.sourceUs.findIndex((us) => us >= dueUs)
  if (first < 0) return columns
  return { ...columns, quality: columns.quality.map((code, i) => (i < first ? code : expired(code))) }
}

const expired = (code: number): number => {
  const marked = code | qualityReasons.calibrationExpired
  return (code & QUALITY_LEVEL_MASK) < UNCERTAIN && (code & QUALITY_LEVEL_MASK) < BAD ? marked | UNCERTAIN : marked
}

function join(runs: readonly { tag: string; columns: ShipColumns }[]): ReadingColumns {
  const present = runs.filter(({ columns }) => columns.value.length > 0)
  const total = present.reduce((sum, { columns }) => sum + columns.value.length, 0)
  const out = {
    tags: present.map(({ tag }) => tag), tag: new Int32Array(total), sourceUs: new Float64Array(total), gatewayUs: new Float64Array(total),
    raw: new Float64Array(total), value: new Float64Array(total), quality: new Uint16Array(total),
  }
  let at = 0
  present.forEach(({ columns }, index) => {
    out.tag.fill(index, at, at + columns.value.length)
    for (const name of ['sourceUs', 'gatewayUs', 'raw', 'value', 'quality'] as const) out[name].set(columns[name], at)
    at += columns.value.length
  })
  return out
}
