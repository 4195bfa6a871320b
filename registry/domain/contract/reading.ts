import { z } from 'zod'
import { microsSchema, tagKeySchema } from './primitives.ts'

/**
 * One scalar reading. Identity: (tag, source time, occurrence at that time). `raw` is what the device gave, `value` the
 * same in the canonical unit. `value` may be NaN only where the quality is bad.
 */
export const readingSchema = z
  .object({
    tag: tagKeySchema,
    sourceUs: microsSchema,
    gatewayUs: microsSchema,
    raw: z.number(),
    value: z.number(),
    quality: z.number().int().min(0).max(0xffff),
  })
  .meta({ id: 'Reading' })
export type Reading = z.infer<typeof readingSchema>

export const readingExample: Reading = {
  tag: 'pump-1/motor-temp', sourceUs: 1_772_366_400_000_000, gatewayUs: 1_772_366_400_004_000, raw: 131, value: 55, quality: 0,
}

/**
 * A burst of evenly spaced samples. Samples are as the device gave them; canonical = raw · scale + offset, kept beside
 * them, so that a wrong scale can be put right later.
 */
export const waveformSchema = z
  .object({
    tag: tagKeySchema,
    startUs: microsSchema,
    intervalUs: z.number().positive().describe('Fractional: 25.6 kHz is 39.0625 µs'),
    gatewayUs: microsSchema,
    scale: z.number(),
    offset: z.number(),
    quality: z.number().int().min(0).max(0xffff),
    samples: z.array(z.number()).min(1),
  })
  .meta({ id: 'Waveform' })
export type Waveform = z.infer<typeof waveformSchema>

export const waveformExample: Waveform = {
  tag: 'pump-1/vibration-de', startUs: 1_772_366_400_000_000, intervalUs: 39.0625, gatewayUs: 1_772_366_400_150_000,
  scale: 9.80665, offset: 0, quality: 0, samples: [0.01, -0.02, 0.015, 0.001],
}

/**
 * Decoded rows of a readings batch, column by column, all of length n; `tags` are the distinct keys and `tag[i]`
 * indexes them. Sorted by (tag, source time) with ties in the order of arrival.
 */
export interface ReadingColumns {
  readonly tags: readonly string[]
  readonly tag: Int32Array
  readonly sourceUs: Float64Array
  readonly gatewayUs: Float64Array
  readonly raw: Float64Array
  readonly value: Float64Array
  readonly quality: Uint16Array
}

/** One waveform as it travels inside the platform. */
export interface WaveformRow {
  readonly tag: string
  readonly startUs: number
  readonly intervalUs: number
  readonly gatewayUs: number
  readonly scale: number
  readonly offset: number
  readonly quality: number
  readonly samples: Float32Array
}
