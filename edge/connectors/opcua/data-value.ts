import { BAD, GOOD, qualityReasons, QUALITY_LEVEL_MASK, UNCERTAIN } from '../../../registry/domain/contract/quality.ts'
import type { RawWaveform } from '../../raw-entry.ts'
import type { RawReading } from '../blocks.ts'
import type { PlannedItem } from './item-plan.ts'
import { qualityOfStatus } from './status-quality.ts'
import { samplesOf, scalarOf, type VariantLike } from './value.ts'

/** What of a decoded DataValue matters here. */
export interface DataValueLike {
  readonly value?: VariantLike | null
  readonly statusCode: { readonly value: number }
  readonly sourceTimestamp?: Date | null
  /** What of the timestamp is finer than its millisecond. */
  readonly sourcePicoseconds?: number
  readonly serverTimestamp?: Date | null
  readonly serverPicoseconds?: number
}

export type Measured =
  | { readonly kind: 'reading'; readonly reading: RawReading }
  | { readonly kind: 'waveform'; readonly waveform: RawWaveform }
  | { readonly kind: 'refused'; readonly is: string }

/** UTC microseconds; undefined for a time that is missing or the protocol's zero (1601). */
export function microsOf(time: Date | null | undefined, picoseconds = 0): number | undefined {
  const ms = time?.getTime()
  return ms === undefined || Number.isNaN(ms) || ms <= 0 ? undefined : ms * 1_000 + Math.floor(picoseconds / 1e6)
}

export const sourceUsOf = (value: DataValueLike): number | undefined => microsOf(value.sourceTimestamp, value.sourcePicoseconds)
export const serverUsOf = (value: DataValueLike): number | undefined => microsOf(value.serverTimestamp, value.serverPicoseconds)

/**
 * A DataValue as a reading or a waveform of its item, at its source's time; without one at the server's or the
 * gateway's, flagged `clock`.
 */
export function measure({ address, kind, options }: PlannedItem, value: DataValueLike, nowUs: number): Measured {
  const known = sourceUsOf(value)
  const timeUs = known ?? serverUsOf(value) ?? nowUs
  const quality = qualityOfStatus(value.statusCode.value) | (known === undefined ? qualityReasons.clock : 0)
  const isBad = (quality & QUALITY_LEVEL_MASK) >= BAD
  if (kind === 'waveform') {
    const samples = samplesOf(value.value)
    if ('refused' in samples) return { kind: 'refused', is: samples.refused }
    const intervalUs = 1e6 / (options?.sampleRateHz ?? NaN)
    const startUs = options?.timestampOf === 'last' ? Math.round(timeUs - (samples.length - 1) * intervalUs) : timeUs
    const missing = samples.length === 0 && !isBad
    return { kind: 'waveform', waveform: { address, startUs, intervalUs, quality: missing ? asMissing(quality) : quality, samples } }
  }
  const raw = scalarOf(value.value)
  if (typeof raw !== 'number') return { kind: 'refused', is: raw.refused }
  // A status of good over an empty variant: there is no value, and that is what the reading says.
  const missing = Number.isNaN(raw) && !isBad && isNull(value.value)
  // A 64-bit integer may have more digits than a number holds.
  const rounded = Math.abs(raw) > Number.MAX_SAFE_INTEGER && isInteger64(value.value) && (quality & QUALITY_LEVEL_MASK) === GOOD
  return { kind: 'reading', reading: { address, sourceUs: timeUs, raw, quality: missing ? asMissing(quality) : rounded ? quality | UNCERTAIN : quality } }
}

const isInteger64 = (variant: VariantLike | null | undefined) => variant?.dataType === 8 || variant?.dataType === 9
const isNull = (variant: VariantLike | null | undefined) => !variant || variant.dataType === 0 || variant.value === null || variant.value === undefined
const asMissing = (quality: number) => (quality & ~QUALITY_LEVEL_MASK) | BAD | qualityReasons.missing
