import { hoursOfSmallChunks, compactHour, nextTouchedHours, noteCompacted, scalarTags } from '../store/compaction.ts'
import { inSite } from '../store/transaction.ts'
import type { ServiceContext } from './context.ts'

export interface CompactReadingsInput {
  readonly site: string
  /** Batches committed before this wall time (micros) count as settled. */
  readonly committedBeforeUs: number
  /** Called after each transaction; lets others have the machine. */
  readonly rest?: () => Promise<void>
  readonly signal?: AbortSignal
}

export interface Compacted { readonly rows: number; readonly bundles: number }

/**
 * Puts the small chunks that settled batches left into bundles, tag by tag and hour by hour, each in a short transaction.
 * What was looked at is noted last, so that whoever is killed in between begins again there and finds less to do.
 */
export async function compactReadings(ctx: Pick<ServiceContext, 'pool'>, { site, committedBeforeUs, rest, signal }: CompactReadingsInput): Promise<Compacted> {
  const total = { rows: 0, bundles: 0 }
  const gone = () => signal?.aborted === true
  while (!gone()) {
    const touched = await inSite(ctx.pool, site, (tx) => nextTouchedHours(tx, site, committedBeforeUs))
    if (touched === null) break
    for (const range of touched.ranges) {
      for (const tagRef of await inSite(ctx.pool, site, (tx) => scalarTags(tx, site))) {
        if (gone()) return total
        for (const hourUs of await inSite(ctx.pool, site, (tx) => hoursOfSmallChunks(tx, tagRef, range))) {
          for (let more = true; more && !gone();) {
            const done = await inSite(ctx.pool, site, (tx) => compactHour(tx, site, tagRef, hourUs))
            total.rows += done.rows
            total.bundles += done.bundles
            more = done.more && done.rows > 0
            await rest?.()
          }
        }
      }
    }
    if (!gone()) await inSite(ctx.pool, site, (tx) => noteCompacted(tx, site, touched.throughCommit))
  }
  return total
}
