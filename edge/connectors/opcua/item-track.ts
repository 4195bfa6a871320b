import { qualityReasons, QUALITY_LEVEL_MASK, BAD } from '../../../registry/domain/contract/quality.ts'
import type { RawWaveform } from '../../raw-entry.ts'
import type { RawReading } from '../blocks.ts'

export interface TrackCounters {
  duplicates: number
  out_of_order: number
}

interface Last { timeUs: number; raw: number; quality: number }

export interface ItemTrackOptions {
  /** Through when everything had been delivered before this connection; undefined when nothing was. */
  readonly deliveredUs: number | undefined
  /** The server's time when it took the subscription: what it gives for older stood at least until then. */
  readonly createdUs: number
  readonly counters: TrackCounters
}

/**
 * What each address delivered last within one connection: it tells a value that was sent twice from a new one, and
 * knows from when on the subscription, rather than history, speaks for an address.
 */
export function createItemTrack({ deliveredUs, createdUs, counters }: ItemTrackOptions) {
  const last = new Map<string, Last>()
  const firstUs = new Map<string, number>()

  function note(address: string, received: Last, deliveredAtUs: number): void {
    const before = last.get(address)
    if (!before) firstUs.set(address, deliveredAtUs)
    if (!before || received.timeUs >= before.timeUs) last.set(address, received)
  }

  return {
    /** From when on the subscription has spoken for an address; undefined before its first value. */
    firstUs: (address: string): number | undefined => firstUs.get(address),

    /** The reading as it is to be delivered, null for a repetition. `serverUs`: when the server last stood by it. */
    reading(reading: RawReading, serverUs: number): RawReading | null {
      const { address, sourceUs, raw, quality } = reading
      const before = last.get(address)
      const received = { timeUs: sourceUs, raw, quality }
      if (!before && deliveredUs !== undefined && sourceUs <= deliveredUs && (quality & QUALITY_LEVEL_MASK) < BAD) {
        // What has not changed since before the outage still stands, though the tag was marked lost meanwhile.
        const standing = { ...reading, sourceUs: Math.max(createdUs, deliveredUs + 1), quality: quality | qualityReasons.substituted }
        note(address, received, standing.sourceUs)
        return standing
      }
      const same = before?.timeUs === sourceUs
      if (same && Object.is(raw, before.raw) && quality === before.quality) {
        counters.duplicates++
        return null
      }
      if (before && sourceUs < before.timeUs) counters.out_of_order++
      note(address, received, sourceUs)
      // Some servers change value or status without a new source time; two readings of one moment would be one.
      return same && serverUs > sourceUs ? { ...reading, sourceUs: serverUs, quality: quality | qualityReasons.clock } : reading
    },

    /** A waveform that begins as the one before it did is a repetition. */
    waveform(row: RawWaveform): RawWaveform | null {
      const before = last.get(row.address)
      const known = before?.timeUs === row.startUs && row.quality === before.quality
      if (known) counters.duplicates++
      else if (before && row.startUs < before.timeUs) counters.out_of_order++
      note(row.address, { timeUs: row.startUs, raw: 0, quality: row.quality }, row.startUs)
      return known ? null : row
    },
  }
}
export type ItemTrack = ReturnType<typeof createItemTrack>
