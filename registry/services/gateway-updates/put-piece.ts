import { z } from 'zod'
import { demand, type Actor } from '../../domain/access/rights.ts'
import { PASSING } from '../../artifacts/object-store.ts'
import { sha256Schema, slugSchema } from '../../domain/contract/primitives.ts'
import { refuse } from '../../domain/errors.ts'
import { MAX_UPDATE_BYTES } from '../../domain/update/open.ts'
import type { ServiceContext } from '../context.ts'

/** In base64 it fits into the body of a request. */
export const UPDATE_PIECE_BYTES = 512 * 1024

export const putPieceInput = z.object({
  site: slugSchema,
  digest: sha256Schema.describe('SHA-256 over the whole file'),
  offset: z.int().min(0).max(MAX_UPDATE_BYTES).multipleOf(UPDATE_PIECE_BYTES),
  piece: z.base64().max(Math.ceil(UPDATE_PIECE_BYTES / 3) * 4).describe(`${UPDATE_PIECE_BYTES} bytes, of the last one what is left`),
})

/** Takes a piece of an update's file; all of them are held against the digest when the update begins. */
export async function putUpdatePiece(ctx: Pick<ServiceContext, 'objects'>, actor: Actor, { site, digest, offset, piece }: z.infer<typeof putPieceInput>): Promise<{ digest: string; offset: number; bytes: number }> {
  demand(actor, 'gateway.update', site)
  const bytes = Buffer.from(piece, 'base64')
  if (bytes.length === 0) refuse('invalid', 'The piece is empty; send the bytes of the file from that offset on.', { offset })
  await ctx.objects.put('raw', pieceKey(digest, offset), bytes)
  return { digest, offset, bytes: bytes.length }
}

/** The file of the pieces that were sent. Refuses (`not_found`) one that is missing. */
export async function readPieces(objects: ServiceContext['objects'], { digest, bytes }: { readonly digest: string; readonly bytes: number }): Promise<Uint8Array> {
  const file = new Uint8Array(bytes)
  for (let at = 0; at < bytes; at += UPDATE_PIECE_BYTES) {
    const piece = await objects.get('raw', pieceKey(digest, at))
    if (piece.length !== Math.min(UPDATE_PIECE_BYTES, bytes - at)) refuse('digest_mismatch', `The piece at ${at} has ${piece.length} bytes, which fits no file of ${bytes}; send it again.`, { offset: at })
    file.set(piece, at)
  }
  return file
}

/** The file lies elsewhere as a whole. Who sends it again later sends all of it. */
export async function removePieces(objects: ServiceContext['objects'], { digest, bytes }: { readonly digest: string; readonly bytes: number }): Promise<void> {
  for (let at = 0; at < bytes; at += UPDATE_PIECE_BYTES) await objects.remove('raw', pieceKey(digest, at))
}

const pieceKey = (digest: string, offset: number) => `${PASSING}${digest}/${String(offset).padStart(9, '0')}` as const
