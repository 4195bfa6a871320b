import type { Logger } from 'pino'
import { chunkScores } from '../../registry/services/back-test/chunk-scores.ts'
import { siteIds } from '../../registry/store/compaction.ts'
import type { Pool } from '../../registry/store/pool.ts'
import { ALL_SITES, inSite } from '../../registry/store/transaction.ts'
import { pause, periodic, type Loop } from './loop.ts'

/** What was scored since is read row by row: an hour of it is little beside months of chunks. */
const EVERY_MS = 3_600_000
/** Waits three times as long as it works: everything else comes first. */
const REST = 3

/** Packs new scores into chunks for back-tests, site by site, a short transaction at a time. */
export function scoreChunker(pool: Pool, log: Logger): Loop {
  return periodic('score-chunks', EVERY_MS, async (signal) => {
    for (const site of await inSite(pool, ALL_SITES, siteIds)) {
      let workedSince = Date.now()
      const rest = async (): Promise<void> => {
        await pause(REST * (Date.now() - workedSince), signal)
        workedSince = Date.now()
      }
      const packed = await chunkScores({ pool }, { site, rest, signal })
      if (packed.days > 0) log.info({ site, ...packed }, 'packed scores for back-tests')
      if (signal.aborted) return
    }
  })
}
