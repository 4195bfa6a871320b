import type { RawWaveform } from '../../raw-entry.ts'
import type { RawReading } from '../blocks.ts'

/**
 * What each address gave last. With a time of its own, the same again is a repetition: devices and brokers send a message twice
 * rather than not at all. Without one, each is a reading, and two of one moment are set one microsecond apart, so that nobody takes them for one.
 */
export interface Track {
  /** null: a repetition. */
  reading(reading: RawReading, timed: boolean): RawReading | null
  waveform(row: RawWaveform, timed: boolean): RawWaveform | null
}

const MOMENT_US = 1e6

export function createTrack(counters: { repeats: number }): Track {
  const last = new Map<string, { us: number; raw: number; quality: number }>()
  const stampedUs = new Map<string, number>()

  function isRepeat(address: string, us: number, raw: number, quality: number): boolean {
    const before = last.get(address)
    const repeat = before?.us === us && Object.is(before.raw, raw) && before.quality === quality
    if (repeat) counters.repeats++
    else last.set(address, { us, raw, quality })
    return repeat
  }

  return {
    reading(reading, timed) {
      const { address, sourceUs, raw, quality } = reading
      if (timed) return isRepeat(address, sourceUs, raw, quality) ? null : reading
      const beforeUs = stampedUs.get(address) ?? -Infinity
      // A clock that was set back is another matter.
      const us = sourceUs <= beforeUs && beforeUs - sourceUs < MOMENT_US ? beforeUs + 1 : sourceUs
      stampedUs.set(address, us)
      return us === sourceUs ? reading : { ...reading, sourceUs: us }
    },
    waveform: (row, timed) => (timed && isRepeat(row.address, row.startUs, row.samples.length, row.quality) ? null : row),
  }
}
