import type { Logger } from 'pino'
import { compactReadings } from '../../registry/services/compact-readings.ts'
import { siteIds } from '../../registry/store/compaction.ts'
import type { Pool } from '../../registry/store/pool.ts'
import { ALL_SITES, inSite } from '../../registry/store/transaction.ts'
import { pause, periodic, type Loop } from './loop.ts'

const EVERY_MS = 300_000
const HOUR_US = 3_600_000_000
/** What was committed in an hour of wall time is compacted once that hour is over, and this much more. */
const SETTLE_US = 300_000_000
/** Waits three times as long as it works: everything else comes first. */
const REST = 3

/** Puts the small chunks of hours that are over into bundles, site by site, a short transaction at a time. */
export function compactor(pool: Pool, log: Logger): Loop {
  return periodic('compaction', EVERY_MS, async (signal) => {
    const committedBeforeUs = Math.floor((Date.now() * 1000 - SETTLE_US) / HOUR_US) * HOUR_US
    for (const site of await inSite(pool, ALL_SITES, siteIds)) {
      let workedSince = Date.now()
      const rest = async (): Promise<void> => {
        await pause(REST * (Date.now() - workedSince), signal)
        workedSince = Date.now()
      }
      const compacted = await compactReadings({ pool }, { site, committedBeforeUs, rest, signal })
      if (compacted.rows > 0) log.info({ site, ...compacted }, 'compacted small chunks')
      if (signal.aborted) return
    }
  })
}
