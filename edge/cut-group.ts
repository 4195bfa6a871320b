import { randomBytes } from 'node:crypto'
import { canonicalDigest } from '../registry/domain/canonical.ts'
import { encodeReadings, encodeWaveforms } from '../registry/domain/codec/encode.ts'
import { laneOf, type BatchHeader, type Mode } from '../registry/domain/contract/batch.ts'
import { CONTRACT_VERSION } from '../registry/domain/contract/primitives.ts'
import type { ReadingColumns, WaveformRow } from '../registry/domain/contract/reading.ts'
import type { DurableBuffer, NewBatch } from './buffer/buffer.ts'
import type { Claims } from './claims.ts'
import type { CutLimits } from './cut-limits.ts'
import type { Normaliser } from './normalise.ts'
import { blockCount, type RawBlock } from './raw-entry.ts'
import { createGrowingRows, type GrowingRows } from './reading-rows.ts'
import { pick } from './ship-rule.ts'
import { shapeReadings, shapeWaveforms, type ShapeState, type WantedStretch } from './shape.ts'
import { sortReadings } from './sort-readings.ts'
import type { TagMapping } from './tag-map.ts'

/** Raw entries that will leave the queue together, and the batches that come of them: one for each mode and kind. */
export interface CutGroup {
  readonly ids: readonly number[]
  readonly openedMs: number
  fits(block: RawBlock): boolean
  isFull(): boolean
  add(id: number, block: RawBlock, mode: Mode, normaliser: Normaliser): void
  /** Shapes and encodes all of it; changes the shaping state. To be queued in one transaction, or not at all. */
  finish(): FinishedCut
}

export interface FinishedCut {
  readonly batches: readonly NewBatch[]
  readonly wanted: readonly WantedStretch[]
  readonly flagged: number
  readonly duplicates: number
  /** Maps that a header names and the buffer may not have yet. */
  readonly documents: readonly { digest: string; document: unknown }[]
}

export interface GroupOptions {
  readonly buffer: Pick<DurableBuffer, 'epoch' | 'nextSequence'>
  readonly site: string
  readonly gateway: string
  readonly limits: Pick<CutLimits, 'rows' | 'samples'>
  readonly nowUs: () => number
  readonly claims: Claims
  readonly shape: ShapeState
  readonly watchers: (mapDigest: string) => ReadonlyMap<string, readonly TagMapping[]>
  /** Everything ships, whatever the tags' ship rules say. */
  readonly asIs?: boolean
  /** Tags that ship; what else an address feeds stays out. All unless told. */
  readonly only?: ReadonlySet<string>
}

/** What becomes one batch. */
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

export function createGroup({ buffer, site, gateway, limits, nowUs, claims, shape, watchers, asIs = false, only }: GroupOptions): CutGroup {
  const ids: number[] = []
  const parts = new Map<string, Part>()
  const entries: Entry[] = []
  let rows = 0
  let samples = 0

  function header(kind: BatchHeader['kind'], { mode, normalisers }: Part, count: number, sequence: number, completeThroughUs: number | null): { header: BatchHeader; document?: { digest: string; document: unknown } } {
    const digests = [...normalisers.keys()].map(({ digest }) => digest).sort()
    const document = digests.length > 1 ? { version: 1, maps: digests } : undefined
    const mappingDigest = document ? canonicalDigest(document) : (digests[0] ?? '')
    return {
      header: {
        contract: CONTRACT_VERSION, site, gateway, epoch: buffer.epoch, sequence, kind, mode, mappingDigest, count,
        completeThroughUs, createdUs: nowUs(), traceId: randomBytes(16).toString('hex'),
      },
      ...(document && { document: { digest: mappingDigest, document } }),
    }
  }

  /**
   * A claim holds once its own entry and every earlier one of its source are in a batch; otherwise a readings batch
   * would promise waveforms that still wait.
   */
  function observeUpTo(unshipped: ReadonlySet<string>): void {
    const held = new Set<string>()
    for (const { mode, source, claimUs, part } of entries) {
      if (unshipped.has(part)) held.add(source)
      else if (!held.has(source)) claims.observe(laneOf(mode), source, claimUs)
    }
  }

  return {
    ids,
    openedMs: performance.now(),
    fits: (block) => (block.kind === 'readings' ? rows === 0 || rows + blockCount(block) <= limits.rows : samples === 0 || samples + samplesOf(block) <= limits.samples),
    isFull: () => rows >= limits.rows || samples >= limits.samples,
    add(id, block, mode, normaliser) {
      ids.push(id)
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
    finish() {
      const wanted: WantedStretch[] = []
      let flagged = 0
      let duplicates = 0
      const ready: { kind: BatchHeader['kind']; part: Part; count: number; encode: (header: BatchHeader) => Uint8Array }[] = []
      for (const part of parts.values()) {
        const lane = laneOf(part.mode)
        const mappings = mappingsOf(part, asIs)
        const mappingOf = (tag: string) => mappings.get(tag)
        if (part.rows.rows().length > 0) {
          const watching = new Map([...part.normalisers.keys()].flatMap(({ digest }) => [...watchers(digest)]))
          const sorted = sortReadings(part.tags, part.rows.rows())
          const shaped = shapeReadings(only ? ofTags(sorted, only) : sorted, lane, mappingOf, watching, shape)
          wanted.push(...shaped.wanted)
          flagged += shaped.flagged
          duplicates += shaped.duplicates
          if (shaped.rows.tag.length > 0) ready.push({ kind: 'readings', part, count: shaped.rows.tag.length, encode: (head) => encodeReadings(head, shaped.rows) })
        }
        if (part.waves.length > 0) {
          const sorted = part.waves.sort((a, b) => (a.tag < b.tag ? -1 : a.tag > b.tag ? 1 : a.startUs - b.startUs))
          const shaped = shapeWaveforms(sorted, lane, mappingOf, shape)
          if (shaped.rows.length > 0) ready.push({ kind: 'waveforms', part, count: shaped.rows.length, encode: (head) => encodeWaveforms(head, shaped.rows) })
        }
      }
      const documents: { digest: string; document: unknown }[] = []
      const waiting = ready.map(({ kind, part }) => `${part.mode} ${kind}`)
      const batches = ready.map(({ kind, part, count, encode }, index): NewBatch => {
        observeUpTo(new Set(waiting.slice(index + 1)))
        const made = header(kind, part, count, buffer.nextSequence + index, claims.through(laneOf(part.mode)))
        if (made.document) documents.push(made.document)
        return { sequence: made.header.sequence, kind, count, bytes: encode(made.header) }
      })
      observeUpTo(new Set())
      return { batches, wanted, flagged, duplicates, documents }
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
