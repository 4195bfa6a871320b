import type { DurableBuffer } from './buffer/buffer.ts'
import type { Persist } from './disk-watch.ts'
import type { GapBook } from './gap-book.ts'
import type { Uplink } from './uplink.ts'

const CARE_EVERY_MS = 3_600_000
const KEEP_GAPS_US = 90 * 86_400_000_000

/**
 * Of a gateway without a platform: what has been cut leaves the queue at once, and stays in the raw store as long as the
 * site file says.
 */
export function createNoUplink({ buffer, gaps, persist, nowUs }: { readonly buffer: DurableBuffer; readonly gaps: Pick<GapBook, 'unconfirmed' | 'confirm'>; readonly persist: Persist; readonly nowUs: () => number }): Uplink {
  let caredMs = -Infinity

  /** There is nobody to tell of what is missing: what ended long ago goes. */
  async function forgetGaps(): Promise<void> {
    if (performance.now() - caredMs < CARE_EVERY_MS) return
    caredMs = performance.now()
    for (let over = ended(); over.length > 0; over = ended()) await gaps.confirm(over)
  }
  const ended = () => gaps.unconfirmed(500).filter(({ toUs }) => toUs !== null && toUs < nowUs() - KEEP_GAPS_US)

  return {
    async run(signal) {
      while (!signal.aborted) {
        await persist(forgetGaps, signal).catch((error: unknown) => { if (!signal.aborted) throw error })
        const keys = buffer.listBatches(0, 100).map(({ key }) => key)
        if (keys.length === 0) await buffer.waitForBatch(0, signal)
        else await persist(() => buffer.removeBatches(keys), signal).catch((error: unknown) => { if (!signal.aborted) throw error })
      }
    },
    drained: () => Promise.resolve(),
    redial() {},
    status: () => ({ connected: false, inFlight: 0, sent: 0, resent: 0, connections: 0, lastError: null, acknowledged: { stored: 0, duplicate: 0, quarantined: 0 } }),
  }
}
