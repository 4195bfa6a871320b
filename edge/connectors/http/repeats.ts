import { createHash } from 'node:crypto'
import { refuse } from '../../../registry/domain/errors.ts'
import type { SourcePosition } from '../../buffer/buffer.ts'
import type { Outlet } from '../../source.ts'
import { createQueues } from '../../turns.ts'

export interface Counts { readonly readings: number; readonly waveforms: number; readonly refused: number }

/**
 * Does a request once for its key: the key goes to disk in the transaction of its readings, so that after a kill either
 * both are there or neither. Kept are the last {@link KEPT} keys of each of 256 buckets, which share one record each.
 */
export interface Repeats {
  /**
   * `work` stores the request together with the position it is given, and says whether it was taken. Gives what was
   * counted then, when the key is known; refuses (`idempotency_conflict`) when it came with another body.
   */
  once(outlet: Outlet, request: { readonly sender: string; readonly key: string; readonly body: Uint8Array; readonly counts: Counts }, work: (position: SourcePosition) => Promise<boolean>): Promise<'taken' | 'not taken' | Counts>
}

type Entry = readonly [key: string, body: string, readings: number, waveforms: number, refused: number]
const KEPT = 64

export function createRepeats(source: string): Repeats {
  /** Two requests of one bucket write the same record. */
  const inTurn = createQueues()

  return {
    once(outlet, { sender, key, body, counts }, work) {
      const keyDigest = shortDigest(`${sender}\n${key}`)
      const place = `http-push/${source}/${keyDigest.slice(0, 2)}`
      return inTurn(place, async () => {
        const known = (outlet.position(place) as readonly Entry[] | undefined) ?? []
        const before = known.find(([digest]) => digest === keyDigest)
        const bodyDigest = shortDigest(body)
        if (before) {
          const [, beforeBody, readings, waveforms, refused] = before
          if (beforeBody !== bodyDigest) refuse('idempotency_conflict', 'this Idempotency-Key came with another body before; make a new key for each request, and keep it when the same request is sent again')
          return { readings, waveforms, refused }
        }
        const mine: Entry = [keyDigest, bodyDigest, counts.readings, counts.waveforms, counts.refused]
        return (await work({ key: place, value: [...known, mine].slice(-KEPT) })) ? 'taken' : 'not taken'
      })
    },
  }
}

const shortDigest = (of: string | Uint8Array): string => createHash('sha256').update(of).digest('hex').slice(0, 32)
