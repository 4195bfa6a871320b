import { randomBytes } from 'node:crypto'
import { canonicalDigest } from '../registry/domain/canonical.ts'
import { encodeReadings, encodeWaveforms } from '../registry/domain/codec/encode.ts'
import { laneOf, type BatchHeader, type Mode } from '../registry/domain/contract/batch.ts'
import { CONTRACT_VERSION } from '../registry/domain/contract/primitives.ts'
import type { DurableBuffer, NewBatch } from './buffer/buffer.ts'
import { createGathering, type GatheringOptions, type ShapedPart } from './gather.ts'
import type { Normaliser } from './normalise.ts'
import type { RawBlock } from './raw-entry.ts'
import type { WantedStretch } from './shape.ts'

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

export interface GroupOptions extends GatheringOptions {
  readonly buffer: Pick<DurableBuffer, 'epoch' | 'nextSequence'>
  readonly site: string
  readonly gateway: string
  readonly nowUs: () => number
}

export function createGroup({ buffer, site, gateway, nowUs, ...gathered }: GroupOptions): CutGroup {
  const { claims } = gathered
  const ids: number[] = []
  const gathering = createGathering(gathered)

  function header({ kind, mode, mapDigests, count }: ShapedPart, sequence: number, completeThroughUs: number | null): { header: BatchHeader; document?: { digest: string; document: unknown } } {
    const document = mapDigests.length > 1 ? { version: 1, maps: mapDigests } : undefined
    const mappingDigest = document ? canonicalDigest(document) : (mapDigests[0] ?? '')
    return {
      header: {
        contract: CONTRACT_VERSION, site, gateway, epoch: buffer.epoch, sequence, kind, mode, mappingDigest, count,
        completeThroughUs, createdUs: nowUs(), traceId: randomBytes(16).toString('hex'),
      },
      ...(document && { document: { digest: mappingDigest, document } }),
    }
  }

  return {
    ids,
    openedMs: performance.now(),
    fits: gathering.fits,
    isFull: gathering.isFull,
    add(id, block, mode, normaliser) {
      ids.push(id)
      gathering.add(block, mode, normaliser)
    },
    finish() {
      const { parts, wanted, flagged, duplicates, observe } = gathering.shape()
      const documents: { digest: string; document: unknown }[] = []
      const batches = parts.map((part, index): NewBatch => {
        observe(parts.slice(index + 1))
        const made = header(part, buffer.nextSequence + index, claims.through(laneOf(part.mode)))
        if (made.document) documents.push(made.document)
        const bytes = part.kind === 'readings' ? encodeReadings(made.header, part.columns) : encodeWaveforms(made.header, part.rows)
        return { sequence: made.header.sequence, kind: part.kind, count: part.count, bytes }
      })
      observe([])
      return { batches, wanted, flagged, duplicates, documents }
    },
  }
}
