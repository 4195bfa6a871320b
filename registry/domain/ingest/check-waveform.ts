import { BAD, QUALITY_LEVEL_MASK } from '../contract/quality.ts'
import type { WaveformRow } from '../contract/reading.ts'
import { EARLIEST_US, FUTURE_TOLERANCE_US, type IngestTag, type RowRefusal } from './check-run.ts'

/** Longest duration of one waveform: bounds how far back a reader must look for those that overlap its span. */
export const WAVEFORM_SPAN_US = 3_600_000_000

/** Why a waveform cannot stand, or null. */
export function checkWaveform(row: WaveformRow, tag: IngestTag | undefined, receivedUs: number): RowRefusal | null {
  if (!tag) return 'unknown_tag'
  if (tag.kind !== 'waveform') return 'wrong_kind'
  const durationUs = row.intervalUs * row.samples.length
  if (durationUs > WAVEFORM_SPAN_US) return 'too_long'
  if (row.startUs < EARLIEST_US) return 'implausible_time'
  if (row.startUs + durationUs > receivedUs + FUTURE_TOLERANCE_US) return 'future_time'
  if ((row.quality & QUALITY_LEVEL_MASK) < BAD && row.samples.some((sample) => sample - sample !== 0)) return 'not_finite'
  return null
}
