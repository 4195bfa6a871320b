import type { DurableBuffer } from './buffer/buffer.ts'
import type { Persist } from './disk-watch.ts'
import type { Uplink } from './uplink.ts'

/**
 * Of a gateway without a platform: what has been cut leaves the queue at once, and stays in the raw store as long as the
 * site file says.
 */
export function createNoUplink({ buffer, persist }: { readonly buffer: DurableBuffer; readonly persist: Persist }): Uplink {
  return {
    async run(signal) {
      while (!signal.aborted) {
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
