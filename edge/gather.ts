import { laneOf, type Mode } from '../registry/domain/contract/batch.ts'
import type { ReadingColumns, WaveformRow } from '../registry/domain/contract/reading.ts'
import type { Claims } from './claims.ts'
import type { CutLimits } from './cut-limits.ts'
import type { Normaliser } from './normalise.ts'
import { blockCount, type RawBlock } from './raw-entry.ts'
import { createGrowingRows, type GrowingRows } from './reading-rows.ts'
import { pick } from './ship-rule.ts'
import { shapeReadings, shapeWaveforms, type ShapeState, type WantedStretch } from './shape.ts'
import { sortReadings } from './sort-readings.ts'
import type { TagMapping } from './tag-map.ts'

/** Blocks as they came, gathered until what would ship of them is asked for: normalised, in order, checked, chosen. */
export interface Gathering {
  readonly fits: (block: RawBlock) => boolean
  readonly isFull: () => boolean
  add(block: RawBlock, mode: Mode, normaliser: Normaliser): void
  /** Shapes all of it; changes the shaping state. Once. */
  shape(): Shaped
}

export interface Shaped {
  /** One for each mode and kind that has rows. */
  readonly parts: readonly ShapedPart[]
  readonly wanted: readonly WantedStretch[]
  readonly flagged: number
  readonly duplicates: number
  /**
   * Notes what sources claim, but for the parts that do not ship yet. A claim holds once its own entry and every earlier
   * one of its source have shipped; otherwise readings would promise waveforms that still wait.
   */
  readonly observe: (waiting: readonly ShapedPart[]) => void
}

interface Rows { readonly mode: Mode; readonly mapDigests: readonly string[]; readonly count: number }
export type ShapedPart = Rows & ({ readonly kind: 'readings'; readonly columns: ReadingColumns } | { readonly kind: 'waveforms'; readonly rows: readonly WaveformRow[] })

export interface GatheringOptions {
  readonly limits: Pick<CutLimits, 'rows' | 'samples'>
  readonly claims: Claims
  readonly shape: ShapeState
  readonly watchers: (mapDigest: string) => ReadonlyMap<string, readonly TagMapping[]>
  /** Everything ships, whatever the tags' ship rules say. */
  readonly asIs?: boolean
  /** Tags that ship; what else an address feeds stays out. All unless told. */
  readonly only?: ReadonlySet<string>
}

/** What ships together. */
interface Part {
  readonly mode: Mode
  /** With the number of each one's first tag in `tags`. */
  readonly normalisers: Map<Normaliser, number>
  readonly tags: string[]
  readonly rows: GrowingRows
  readonly waves: WaveformRow[]
}

interface Entry {
  readonly mode: Mode
  readonly source: string
  readonly claimUs: number | null
  readonly part: string
}

export function createGathering({ limits, claims, shape, watchers, asIs = false, only }: GatheringOptions): Gathering {
  const parts = new Map<string, Part>()
  const entries: Entry[] = []
  let rows = 0
  let samples = 0

  function observeUpTo(unshipped: ReadonlySet<string>): void {
    const held = new Set<string>()
    for (const { mode, source, claimUs, part } of entries) {
      if (unshipped.has(part)) held.add(source)
      else if (!held.has(source)) claims.observe(laneOf(mode), source, claimUs)
    }
  }

  return {
    fits: (block) => (block.kind === 'readings' ? rows === 0 || rows + blockCount(block) <= limits.rows : samples === 0 || samples + samplesOf(block) <= limits.samples),
    isFull: () => rows >= limits.rows || samples >= limits.samples,
    add(block, mode, normaliser) {
      const key = `${mode} ${block.kind}`
      entries.push({ mode, source: block.source, claimUs: block.completeThroughUs, part: key })
      const part = parts.get(key) ?? { mode, normalisers: new Map<Normaliser, number>(), tags: [], rows: createGrowingRows(), waves: [] }
      parts.set(key, part)
      let firstTag = part.normalisers.get(normaliser)
      if (firstTag === undefined) {
        firstTag = part.tags.length
        part.normalisers.set(normaliser, firstTag)
        part.tags.push(...normaliser.tags)
      }
      if (block.kind === 'readings') {
        rows += blockCount(block)
        normaliser.readings(block, block.gatewayUs, part.rows, firstTag)
      } else {
        samples += samplesOf(block)
        part.waves.push(...normaliser.waveforms(block, block.gatewayUs).filter(({ tag }) => only?.has(tag) !== false))
      }
    },
    shape() {
      const wanted: WantedStretch[] = []
      let flagged = 0
      let duplicates = 0
      const ready: ShapedPart[] = []
      for (const part of parts.values()) {
        const { mode } = part
        const lane = laneOf(mode)
        const mapDigests = [...part.normalisers.keys()].map(({ digest }) => digest).sort()
        const mappings = mappingsOf(part, asIs)
        const mappingOf = (tag: string) => mappings.get(tag)
        if (part.rows.rows().length > 0) {
          const watching = new Map([...part.normalisers.keys()].flatMap(({ digest }) => [...watchers(digest)]))
          const sorted = sortReadings(part.tags, part.rows.rows())
          const shaped = shapeReadings(only ? ofTags(sorted, only) : sorted, lane, mappingOf, watching, shape)
          wanted.push(...shaped.wanted)
          flagged += shaped.flagged
          duplicates += shaped.duplicates
          if (shaped.rows.tag.length > 0) ready.push({ kind: 'readings', mode, mapDigests, count: shaped.rows.tag.length, columns: shaped.rows })
        }
        if (part.waves.length > 0) {
          const sorted = part.waves.sort((a, b) => (a.tag < b.tag ? -1 : a.tag > b.tag ? 1 : a.startUs - b.startUs))
          const shaped = shapeWaveforms(sorted, lane, mappingOf, shape)
          if (shaped.rows.length > 0) ready.push({ kind: 'waveforms', mode, mapDigests, count: shaped.rows.length, rows: shaped.rows })
        }
      }
      return { parts: ready, wanted, flagged, duplicates, observe: (waiting) => { observeUpTo(new Set(waiting.map(({ mode, kind }) => `${mode} ${kind}`))) } }
    },
  }
}

/** The rows of some tags alone. */
function ofTags(columns: ReadingColumns, only: ReadonlySet<string>): ReadingColumns {
  const rows = Array.from(columns.tag.keys()).filter((i) => only.has(columns.tags[columns.tag[i] as number] as string))
  if (rows.length === columns.tag.length) return columns
  const tags = columns.tags.filter((tag) => only.has(tag))
  return { ...pick(columns, rows), tags, tag: Int32Array.from(rows, (i) => tags.indexOf(columns.tags[columns.tag[i] as number] as string)) }
}

/** What the maps say of each tag; of several that name the same one, what the latest to come says. */
function mappingsOf({ normalisers }: Part, asIs: boolean): Map<string, TagMapping> {
  const mappings = new Map<string, TagMapping>()
  for (const normaliser of normalisers.keys()) {
    for (const tag of normaliser.tags) {
      const mapping = normaliser.mapping(tag)
      if (mapping) mappings.set(tag, asIs ? { ...mapping, ship: 'all' } : mapping)
    }
  }
  return mappings
}

const samplesOf = (block: RawBlock): number => (block.kind === 'waveforms' ? block.rows.reduce((sum, { samples }) => sum + samples.length, 0) : 0)
