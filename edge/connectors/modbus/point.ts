import { BAD, qualityLevel, qualityReasons } from '../../../registry/domain/contract/quality.ts'
import type { RawReading } from '../blocks.ts'
import type { ModbusAddress } from './address.ts'
import type { Decoded } from './values.ts'

export const NO_COMMUNICATION = BAD | qualityReasons.communication

/** One mapped address and what became of it: a bad state is told once, when it begins or changes. */
export interface Point extends ModbusAddress {
  /** As the tag map spells it. */
  readonly address: string
  readonly everyMs: number
  /** Quality told last while bad; null: good, or nothing told yet. */
  told: number | null
  /** The device refuses this very address: with what exception, and when to try again. */
  refused: { readonly code: number; readonly retryAtMs: number } | null
}

/** A value is always told; that there is none, once. */
export function tellValue(point: Point, { raw, quality }: Decoded, sourceUs: number): RawReading[] {
  if (qualityLevel(quality) === 'bad') return tellBad(point, quality, sourceUs, raw)
  point.told = null
  return [{ address: point.address, sourceUs, raw, quality }]
}

export function tellBad(point: Point, quality: number, sourceUs: number, raw = NaN): RawReading[] {
  if (point.told === quality) return []
  point.told = quality
  return [{ address: point.address, sourceUs, raw, quality }]
}
