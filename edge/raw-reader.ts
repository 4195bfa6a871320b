import { DomainError } from '../registry/domain/errors.ts'
import type { DurableBuffer, RawEntry } from './buffer/buffer.ts'
import { createNormaliser, type Normaliser } from './normalise.ts'
import { decodeRawBlock, isNewerEntry, type RawBlock } from './raw-entry.ts'
import { tagMapSchema } from './tag-map.ts'

export interface ReadEntry {
  readonly block: RawBlock
  /** Of the tag map the entry came under, which may no longer be in force. */
  readonly normaliser: Normaliser
}

/**
 * Why an entry cannot be read. `damaged`: what the disk gives is not what was written, or its tag map is not there.
 * `newer`: a later version wrote it, or its tag map, and can read it: it is kept for that one.
 */
export type Unreadable = 'damaged' | 'newer'

export interface RawReader {
  read(entry: Pick<RawEntry, 'bytes'>): ReadEntry | Unreadable
  /** By the digest of its map; made when first needed. */
  normaliser(mapDigest: string): Normaliser | undefined
}

/** Reads raw entries of the buffer, each by the tag map it names. One for each buffer: it keeps what it made of the maps. */
export function createRawReader(buffer: Pick<DurableBuffer, 'document'>): RawReader {
  const made = new Map<string, Normaliser>()

  function normaliserOf(digest: string): Normaliser | Unreadable {
    const found = made.get(digest)
    if (found) return found
    const kept = buffer.document(digest)
    if (kept === undefined) return 'damaged'
    const document = tagMapSchema.safeParse(kept)
    if (!document.success) return 'newer'
    const normaliser = createNormaliser(document.data)
    made.set(digest, normaliser)
    return normaliser
  }

  return {
    normaliser(digest) {
      const found = normaliserOf(digest)
      return typeof found === 'string' ? undefined : found
    },
    read({ bytes }) {
      if (!bytes) return 'damaged'
      if (isNewerEntry(bytes)) return 'newer'
      let normaliser: Normaliser | Unreadable = 'damaged'
      try {
        const block = decodeRawBlock(bytes, (digest) => {
          normaliser = normaliserOf(digest)
          return typeof normaliser === 'string' ? undefined : normaliser.addresses
        })
        normaliser = normaliserOf(block.mapDigest)
        return typeof normaliser === 'string' ? normaliser : { block, normaliser }
      } catch (error) {
        // Anything else is a mistake of ours, not of the disk.
        if (!(error instanceof DomainError) || error.code !== 'contract_broken') throw error
        return normaliser === 'newer' ? 'newer' : 'damaged'
      }
    },
  }
}
