import type { StoredChunk } from '../registry/domain/ingest/chunk.ts'
import type { ChunkCache } from '../registry/store/chunks.ts'

/** What an object costs beside its arrays. */
const OVERHEAD = 400

/**
 * Chunks in the worker's memory between storing a batch and closing its windows, so that they need not be read back.
 * Chunks never change, so nothing in it can be stale; when it is full, those unused for longest go.
 */
export function createDecodedCache({ maxBytes }: { maxBytes: number }): ChunkCache & { readonly bytes: number } {
  // A Map keeps its order of insertion: used entries move to the end, the first one is the oldest.
  const entries = new Map<string, { chunk: StoredChunk; bytes: number }>()
  let total = 0
  const drop = (key: string): void => {
    total -= entries.get(key)?.bytes ?? 0
    entries.delete(key)
  }
  return {
    get bytes() { return total },
    get(key) {
      const entry = entries.get(key)
      if (!entry) return undefined
      entries.delete(key)
      entries.set(key, entry)
      return entry.chunk
    },
    put(key, chunk) {
      drop(key)
      const bytes = sizeOf(chunk)
      if (bytes > maxBytes) return
      entries.set(key, { chunk, bytes })
      total += bytes
      for (const oldest of entries.keys()) {
        if (total <= maxBytes) break
        drop(oldest)
      }
    },
  }
}

/** Counted double: a chunk's arrays are often views of a decoded batch, whose other columns stay with them. */
function sizeOf({ timesUs, values, raws, quality }: StoredChunk): number {
  return OVERHEAD + 2 * (timesUs.byteLength + values.byteLength + (raws?.byteLength ?? 0) + (quality?.byteLength ?? 0))
}
