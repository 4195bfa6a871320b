/**
 * Quality of a reading in 16 bits, after OPC UA Part 8 (StatusCode severity: good, uncertain, bad) with the reasons
 * this platform acts on. Bits 0–1 hold the level; every higher bit is one reason, so that reasons add up.
 */
export const QUALITY_LEVEL_MASK = 0b11
export const GOOD = 0
export const UNCERTAIN = 1
export const BAD = 2

export const qualityReasons = {
  /** The device or its connection said the value is bad. */
  device: 1 << 2,
  communication: 1 << 3,
  /** Outside the tag's declared range. */
  range: 1 << 4,
  rateOfChange: 1 << 5,
  flatline: 1 << 6,
  /** The source had no value at this time (an empty CSV cell, a missed poll). */
  missing: 1 << 7,
  notFinite: 1 << 8,
  clock: 1 << 9,
  /** Filled in by the last known value rather than measured. */
  substituted: 1 << 10,
  calibrationExpired: 1 << 11,
  samplingSkew: 1 << 12,
} as const

export type QualityReason = keyof typeof qualityReasons
export type QualityLevel = 'good' | 'uncertain' | 'bad'

const LEVELS: readonly QualityLevel[] = ['good', 'uncertain', 'bad', 'bad']

export function qualityCode(level: QualityLevel, reasons: readonly QualityReason[] = []): number {
  return reasons.reduce((code, reason) => code | qualityReasons[reason], LEVELS.indexOf(level))
}

/** Of two qualities of one reading: the worse level, and all reasons of both. */
export function worse(a: number, b: number): number {
  return Math.max(a & QUALITY_LEVEL_MASK, b & QUALITY_LEVEL_MASK) | ((a | b) & ~QUALITY_LEVEL_MASK)
}

export function qualityLevel(code: number): QualityLevel {
  return LEVELS[code & QUALITY_LEVEL_MASK] ?? 'bad'
}

export function qualityReasonsOf(code: number): QualityReason[] {
  return (Object.keys(qualityReasons) as QualityReason[]).filter((reason) => (code & qualityReasons[reason]) !== 0)
}
