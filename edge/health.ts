import type { BufferStats, DurableBuffer } from './buffer/buffer.ts'
import type { Source } from './source.ts'
import type { Uplink, UplinkStatus } from './uplink.ts'

/** What a gateway says of itself, as plain JSON. */
export interface GatewayHealth {
  /** `degraded`: readings wait and there is no connection to ship them over. */
  readonly status: 'ok' | 'degraded'
  readonly sources: readonly string[]
  readonly buffer: BufferStats
  readonly uplink: UplinkStatus
  /** Readings a second since the last time this was asked. */
  readonly rate: { readonly inPerSec: number; readonly acknowledgedPerSec: number }
}

export function createHealth({ buffer, uplink, sources }: { buffer: DurableBuffer; uplink: Uplink; sources: readonly Source[] }): () => GatewayHealth {
  let before = { ms: performance.now(), in: buffer.stats().appendedRows, acknowledged: buffer.stats().acknowledgedRows }
  return () => {
    const stats = buffer.stats()
    const link = uplink.status()
    const now = { ms: performance.now(), in: stats.appendedRows, acknowledged: stats.acknowledgedRows }
    const seconds = Math.max((now.ms - before.ms) / 1000, 1e-3)
    const rate = {
      inPerSec: Math.round((now.in - before.in) / seconds),
      acknowledgedPerSec: Math.round((now.acknowledged - before.acknowledged) / seconds),
    }
    const waiting = stats.rawEntries + stats.batches > 0
    before = now
    return { status: waiting && !link.connected ? 'degraded' : 'ok', sources: sources.map(({ id }) => id), buffer: stats, uplink: link, rate }
  }
}
