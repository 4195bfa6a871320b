import type { StoredChunk, StoredWaveform } from '../../registry/domain/ingest/chunk.ts'
import { lowerBound } from '../../registry/domain/ingest/runs.ts'
import { settleRun } from '../../registry/domain/ingest/settle-run.ts'

/** Readings of one tag as the platform will have them: canonical, in time order. */
export interface TagReadings {
  readonly tag: string
  readonly timesUs: Float64Array
  readonly values: Float64Array
  /** Null: all good. */
  readonly quality: Uint16Array | null
}

/** A recording as it is shipped: canonical = samples · scale + offset. */
export interface TagWaveform extends Pick<StoredWaveform, 'startUs' | 'intervalUs' | 'scale' | 'offset' | 'quality' | 'samples'> { readonly tag: string }

/** What of one tag still reaches into a window to come, as windows are computed from it. */
export interface RecentReadings {
  take(readings: Omit<TagReadings, 'tag'>): void
  takeWaveform(waveform: Omit<TagWaveform, 'tag'>): void
  /** Lets go of what lies before an instant. */
  forget(beforeUs: number): void
  /** As chunks of a store would be, under the number by which whoever asks knows the tag. */
  chunks(tagRef: number): readonly StoredChunk[]
  waveforms(tagRef: number): readonly StoredWaveform[]
}

/** A box has no commits: everything is known at once. */
const KNOWN = { tagRef: 0, batchId: 0, commitNumber: 0, receivedUs: 0 } as const

/**
 * Readings that come in order, the usual case, grow one run, so that a window finds them in one piece however singly
 * they came. What comes behind is settled against what is there by the platform's own rule: the same again is a repeat,
 * a differing one a revision.
 */
export function createRecentReadings(): RecentReadings {
  let times = new Float64Array(256)
  let values = new Float64Array(256)
  let quality = new Uint16Array(256)
  let from = 0
  let to = 0
  let flagged = false
  let behind: StoredChunk[] = []
  let newestUs = -Infinity
  let waves: StoredWaveform[] = []

  const run = (): StoredChunk[] => (from === to ? [] : [{
    ...KNOWN, revision: 0, timesUs: times.subarray(from, to), values: values.subarray(from, to), raws: null,
    quality: flagged ? quality.subarray(from, to) : null,
  }])

  /** Room for n more: what was let go of is given back first. Views that were handed out keep their numbers. */
  function reserve(n: number): void {
    if (to + n <= times.length) return
    const size = Math.max(256, 2 * (to - from + n))
    const moved = { times: new Float64Array(size), values: new Float64Array(size), quality: new Uint16Array(size) }
    moved.times.set(times.subarray(from, to))
    moved.values.set(values.subarray(from, to))
    moved.quality.set(quality.subarray(from, to));
    ({ times, values, quality } = moved)
    to -= from
    from = 0
  }

  return {
    take(given) {
      const n = given.timesUs.length
      if (n === 0) return
      if ((given.timesUs[0] as number) > newestUs) {
        reserve(n)
        times.set(given.timesUs, to)
        values.set(given.values, to)
        if (given.quality === null) quality.fill(0, to, to + n)
        else {
          quality.set(given.quality, to)
          flagged ||= given.quality.some((code) => code !== 0)
        }
        to += n
      } else {
        const { parts } = settleRun({ ...given, raws: null }, [...run(), ...behind])
        for (const { revision, run: part } of parts) behind.push({ ...KNOWN, ...part, revision })
      }
      newestUs = Math.max(newestUs, given.timesUs[n - 1] as number)
    },
    takeWaveform(wave) {
      const same = waves.filter(({ startUs }) => startUs === wave.startUs)
      if (same.some((other) => isRepeat(other, wave))) return
      waves.push({ ...KNOWN, ...wave, revision: same.length })
    },
    forget(beforeUs) {
      from += lowerBound(times.subarray(from, to), beforeUs)
      if (from === to) flagged = false
      if (behind.length > 0) behind = behind.filter(({ timesUs }) => (timesUs[timesUs.length - 1] as number) >= beforeUs)
      if (waves.length > 0) waves = waves.filter(({ startUs, intervalUs, samples }) => startUs + intervalUs * samples.length > beforeUs)
    },
    chunks: (tagRef) => [...run(), ...behind].map((chunk) => ({ ...chunk, tagRef })),
    waveforms: (tagRef) => waves.map((wave) => ({ ...wave, tagRef })),
  }
}

function isRepeat(a: StoredWaveform, b: Omit<TagWaveform, 'tag'>): boolean {
  return a.intervalUs === b.intervalUs && a.scale === b.scale && a.offset === b.offset && a.quality === b.quality
    && a.samples.length === b.samples.length && a.samples.every((sample, i) => Object.is(sample, b.samples[i]))
}
