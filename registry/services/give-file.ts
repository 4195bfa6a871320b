import { FILE_PIECE_BYTES, type FilePiece, type FileRequest } from '../domain/contract/gateway-report.ts'
import { fileOfOrder } from '../store/gateway-bundles.ts'
import { inSite } from '../store/transaction.ts'
import type { ServiceContext } from './context.ts'
import { demandNotShut } from './gateways/demand-not-shut.ts'

/** Gives pieces of the files that orders name. The files asked for last stay in memory, as far as 64 MiB go, since they are asked for piece by piece. */
export interface FileGiver {
  give(site: string, gateway: string, request: FileRequest): Promise<FilePiece>
}

const KEPT_BYTES = 64 * 1024 * 1024

/** A gateway gets what an open order of its own names, and nothing else. Refuses (`forbidden`) one that was shut out. */
export function createFileGiver({ pool, objects }: Pick<ServiceContext, 'pool' | 'objects'>): FileGiver {
  const kept = new Map<string, Uint8Array>()

  async function bytesOf(file: { bucket: string; key: string }, digest: string): Promise<Uint8Array> {
    const there = kept.get(digest)
    if (there) {
      // The one asked for last goes last.
      kept.delete(digest)
      kept.set(digest, there)
      return there
    }
    const bytes = await objects.get('models', file.key, digest)
    kept.set(digest, bytes)
    let total = [...kept.values()].reduce((sum, { length }) => sum + length, 0)
    for (const [oldest, { length }] of kept) {
      if (total <= KEPT_BYTES || oldest === digest) break
      kept.delete(oldest)
      total -= length
    }
    return bytes
  }

  return {
    async give(site, gateway, { digest, offset }) {
      const file = await inSite(pool, site, async (tx) => {
        await demandNotShut(tx, site, gateway)
        return fileOfOrder(tx, site, gateway, digest)
      })
      if (file === undefined) return { digest, offset, total: 0, piece: null, problem: 'no open order of this gateway names it' }
      const bytes = await bytesOf(file, digest)
      return { digest, offset, total: bytes.length, piece: Buffer.from(bytes.subarray(offset, offset + FILE_PIECE_BYTES)).toString('base64'), problem: null }
    },
  }
}
