import type { DurableBuffer, RawEntry } from './buffer/buffer.ts'
import { createNormaliser, type Normaliser } from './normalise.ts'
import { decodeRawBlock, type RawBlock } from './raw-entry.ts'
import { tagMapSchema } from './tag-map.ts'

export interface ReadEntry {
  readonly block: RawBlock
  /** Of the tag map the entry came under, which may no longer be in force. */
  readonly normaliser: Normaliser
}

export interface RawReader {
  /** Undefined when the entry cannot be read: what the disk gives is not what was written, or its tag map is not there. */
  read(entry: Pick<RawEntry, 'bytes'>): ReadEntry | undefined
  /** By the digest of its map; made when first needed. */
  normaliser(mapDigest: string): Normaliser | undefined
}

/** Reads raw entries of the buffer, each by the tag map it names. */
export function createRawReader(buffer: Pick<DurableBuffer, 'document'>): RawReader {
  const made = new Map<string, Normaliser>()

  function normaliserOf(digest: string): Normaliser | undefined {
    const found = made.get(digest)
    if (found) return found
    const document = tagMapSchema.safeParse(buffer.document(digest))
    if (!document.success) return undefined
    const normaliser = createNormaliser(document.data)
    made.set(digest, normaliser)
    return normaliser
  }

  return {
    normaliser: normaliserOf,
    read({ bytes }) {
      try {
        const block = bytes && decodeRawBlock(bytes, (digest) => normaliserOf(digest)?.addresses)
        const normaliser = block ? normaliserOf(block.mapDigest) : undefined
        return block && normaliser ? { block, normaliser } : undefined
      } catch {
        return undefined
      }
    },
  }
}
