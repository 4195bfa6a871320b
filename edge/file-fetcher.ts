import { createHash } from 'node:crypto'
import { topics } from '../registry/domain/contract/batch.ts'
import { filePieceSchema, type FilePiece } from '../registry/domain/contract/gateway-report.ts'
import { refuse } from '../registry/domain/errors.ts'
import { createBell } from './bell.ts'
import type { MqttLink } from './mqtt-link.ts'
import type { LinkUser } from './uplink.ts'

/** Fetches files that orders name over the uplink's connection, a piece at a time, so that batches go on beside them. */
export interface FileFetcher extends LinkUser {
  /**
   * The bytes with this digest. Waits for a connection; a piece that does not come is asked for again. Refuses (`not_found`)
   * what the platform does not give, (`digest_mismatch`) what is not what was asked for.
   */
  fetch(file: { readonly digest: string; readonly bytes: number }, signal: AbortSignal): Promise<Uint8Array>
}

const PATIENCE_MS = 5_000

export function createFileFetcher({ site, gateway, patienceMs = PATIENCE_MS }: { readonly site: string; readonly gateway: string; readonly patienceMs?: number }): FileFetcher {
  const bell = createBell()
  const pieces = new Map<string, FilePiece>()
  let link: MqttLink | undefined
  let turn: Promise<unknown> = Promise.resolve()

  async function pieceAt(digest: string, offset: number, signal: AbortSignal): Promise<FilePiece> {
    const key = `${digest}/${offset}`
    for (;;) {
      signal.throwIfAborted()
      const askedMs = performance.now()
      link?.publish(topics.fileRequest(site, gateway), Buffer.from(JSON.stringify({ digest, offset })))
      while (!pieces.has(key) && !signal.aborted && performance.now() - askedMs < patienceMs) await bell.wait(signal, patienceMs)
      const piece = pieces.get(key)
      pieces.clear()
      if (piece) return piece
    }
  }

  async function whole({ digest, bytes }: { readonly digest: string; readonly bytes: number }, signal: AbortSignal): Promise<Uint8Array> {
    const file = new Uint8Array(bytes)
    for (let at = 0; at < bytes;) {
      const { piece, problem, total } = await pieceAt(digest, at, signal)
      if (piece === null) return refuse('not_found', `the platform does not give ${digest}: ${problem ?? 'no reason given'}`, { digest })
      const part = Buffer.from(piece, 'base64')
      if (total !== bytes || part.length === 0 || at + part.length > bytes) refuse('digest_mismatch', `what the platform gives as ${digest} has another length than its order says (${total}, not ${bytes} bytes)`, { digest })
      file.set(part, at)
      at += part.length
    }
    if (createHash('sha256').update(file).digest('hex') !== digest) refuse('digest_mismatch', `what the platform gave as ${digest} is something else`, { digest })
    return file
  }

  return {
    hear: {
      [topics.filePiece(site, gateway)]: (payload) => {
        const piece = parse(payload)
        if (piece === undefined) return
        pieces.set(`${piece.digest}/${piece.offset}`, piece)
        bell.ring()
      },
    },
    connected(fresh) {
      link = fresh
      bell.ring()
    },
    lost() { link = undefined },
    fetch(file, signal) {
      const mine = turn.then(() => whole(file, signal))
      turn = mine.catch(() => {})
      return mine
    },
  }
}

function parse(payload: Uint8Array): FilePiece | undefined {
  try {
    return filePieceSchema.safeParse(JSON.parse(Buffer.from(payload).toString('utf8'))).data
  } catch {
    return undefined
  }
}
