import type { StoredChunk, StoredWaveform } from '../ingest/chunk.ts'
import { mergeChunks } from '../ingest/merge.ts'
import { lowerBound } from '../ingest/runs.ts'
import type { ScalarSeries, WaveformChunk, WindowInput } from '../features/window-input.ts'

/** A tag in a role of its asset while it stood there: sensors are swapped and moved. */
export interface RoleTag {
  readonly tagRef: number
  readonly tagKey: string
  readonly role: string
  readonly kind: 'scalar' | 'waveform'
  /** [fromUs, toUs), ±Infinity where open. */
  readonly fromUs: number
  readonly toUs: number
}

/** Everything known of some tags in an interval, of any commit number; chunks in no particular order. */
export interface KnownReadings {
  readonly chunks: ReadonlyMap<number, readonly StoredChunk[]>
  readonly waveforms: ReadonlyMap<number, readonly StoredWaveform[]>
}

/**
 * Of what is known of some tags only what touches [fromUs, toUs), unchanged. Windows are computed one after another, each
 * with a look at every chunk: from a long backlog they see only those near them.
 */
export function knownWithin(roleTags: readonly RoleTag[], known: KnownReadings, fromUs: number, toUs: number): KnownReadings {
  const chunks = new Map<number, readonly StoredChunk[]>()
  const waveforms = new Map<number, readonly StoredWaveform[]>()
  for (const { tagRef } of roleTags) {
    chunks.set(tagRef, (known.chunks.get(tagRef) ?? []).filter(({ timesUs }) =>
      (timesUs[0] as number) < toUs && (timesUs[timesUs.length - 1] as number) >= fromUs))
    waveforms.set(tagRef, (known.waveforms.get(tagRef) ?? []).filter((wave) => wave.startUs < toUs && endOf(wave) > fromUs))
  }
  return { chunks, waveforms }
}

export interface AssembledWindow {
  readonly input: WindowInput
  /** Source time of the newest reading in the window and landing time of the newest batch that gave one; −Infinity when empty. */
  readonly sourceUs: number
  readonly ingestUs: number
}

/**
 * What a window was computed from, as of a commit number: by role, revisions applied. The one way from stored readings
 * to features, for closing and for replay alike.
 */
export function assembleWindow(
  roleTags: readonly RoleTag[], known: KnownReadings, asOfCommit: number, startUs: number, endUs: number,
): AssembledWindow {
  const scalars = new Map<string, ScalarSeries>()
  const waveforms = new Map<string, WaveformChunk[]>()
  let sourceUs = -Infinity
  let ingestUs = -Infinity
  for (const tag of roleTags) {
    const fromUs = Math.max(startUs, tag.fromUs)
    const toUs = Math.min(endUs, tag.toUs)
    if (fromUs >= toUs) continue
    if (tag.kind === 'scalar') {
      const run = mergeChunks(known.chunks.get(tag.tagRef) ?? [], { fromUs, toUs }, asOfCommit)
      const n = run.timesUs.length
      if (n === 0) continue
      sourceUs = Math.max(sourceUs, run.timesUs[n - 1] as number)
      ingestUs = Math.max(ingestUs, run.receivedUs)
      const series = { timesUs: run.timesUs, values: run.values, qualities: run.quality ?? allGood(n) }
      const other = scalars.get(tag.role)
      scalars.set(tag.role, other === undefined ? series : joined(other, series))
    } else {
      for (const wave of wavesAsOf(known.waveforms.get(tag.tagRef) ?? [], asOfCommit, fromUs, toUs)) {
        sourceUs = Math.max(sourceUs, Math.min(endOf(wave), endUs))
        ingestUs = Math.max(ingestUs, wave.receivedUs)
        const chunk = { startUs: wave.startUs, intervalUs: wave.intervalUs, quality: wave.quality, samples: canonicalSamples(wave) }
        const chunks = waveforms.get(tag.role)
        if (chunks === undefined) waveforms.set(tag.role, [chunk])
        else chunks.push(chunk)
      }
    }
  }
  return { input: { startUs, endUs, scalars, waveforms }, sourceUs, ingestUs }
}

/** Time of the first reading (or waveform part) at or after `fromUs` that was known as of a commit; undefined when none. */
export function nextReadingUs(roleTags: readonly RoleTag[], known: KnownReadings, asOfCommit: number, fromUs: number): number | undefined {
  let first = Infinity
  for (const tag of roleTags) {
    const since = Math.max(fromUs, tag.fromUs)
    if (since >= first || since >= tag.toUs) continue
    for (const { commitNumber, timesUs } of known.chunks.get(tag.tagRef) ?? []) {
      if (commitNumber > asOfCommit) continue
      const time = timesUs[lowerBound(timesUs, since)]
      if (time !== undefined && time < tag.toUs && time < first) first = time
    }
    for (const wave of known.waveforms.get(tag.tagRef) ?? []) {
      if (wave.commitNumber > asOfCommit || wave.startUs >= tag.toUs || endOf(wave) <= since) continue
      first = Math.min(first, Math.max(since, wave.startUs))
    }
  }
  return first === Infinity ? undefined : first
}

/** The instant after a waveform's last sample. */
export const endOf = (wave: Pick<StoredWaveform, 'startUs' | 'intervalUs' | 'samples'>): number =>
  Math.ceil(wave.startUs + wave.samples.length * wave.intervalUs)

/** Of each start the newest revision known then, overlapping the interval. */
function wavesAsOf(waves: readonly StoredWaveform[], asOfCommit: number, fromUs: number, toUs: number): StoredWaveform[] {
  const newest = new Map<number, StoredWaveform>()
  for (const wave of waves) {
    if (wave.commitNumber > asOfCommit || wave.startUs >= toUs || endOf(wave) <= fromUs) continue
    const other = newest.get(wave.startUs)
    if (other === undefined || wave.revision > other.revision) newest.set(wave.startUs, wave)
  }
  return [...newest.values()]
}

/** A recording is seen by every window it reaches into; its samples are scaled once. */
const scaled = new WeakMap<Float32Array, Float32Array>()

function canonicalSamples(wave: StoredWaveform): Float32Array {
  if (wave.scale === 1 && wave.offset === 0) return wave.samples
  let out = scaled.get(wave.samples)
  if (out === undefined) {
    out = Float32Array.from(wave.samples, (sample) => sample * wave.scale + wave.offset)
    scaled.set(wave.samples, out)
  }
  return out
}

let zeros = new Uint16Array(8192)

function allGood(n: number): Uint16Array {
  if (n > zeros.length) zeros = new Uint16Array(2 * n)
  return zeros.subarray(0, n)
}

function joined(a: ScalarSeries, b: ScalarSeries): ScalarSeries {
  const at = a.timesUs.length
  const n = at + b.timesUs.length
  const out = { timesUs: new Float64Array(n), values: new Float64Array(n), qualities: new Uint16Array(n) }
  out.timesUs.set(a.timesUs)
  out.timesUs.set(b.timesUs, at)
  out.values.set(a.values)
  out.values.set(b.values, at)
  out.qualities.set(a.qualities)
  out.qualities.set(b.qualities, at)
  return out
}
