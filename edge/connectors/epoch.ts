const US_PER = { s: 1e6, ms: 1e3, us: 1, ns: 1e-3 } as const

/** What a number may count since 1970. */
export type EpochUnit = keyof typeof US_PER

/** UTC microseconds, not rounded. */
export const inMicros = (value: number, unit: EpochUnit): number => value * US_PER[unit]
