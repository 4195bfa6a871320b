import { z } from 'zod'
import { durationSchema } from './connectors/kind.ts'

const BYTES: Readonly<Record<string, number>> = {
  B: 1, kB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3, TiB: 1024 ** 4,
}
const AMOUNT = /^(\d+(?:\.\d+)?)\s*(B|kB|MB|GB|TB|KiB|MiB|GiB|TiB)$/

function amount(text: string): number {
  const [, value = '0', unit = 'B'] = AMOUNT.exec(text) ?? []
  return Math.round(Number(value) * (BYTES[unit] ?? 1))
}

/** An amount of data as people write it (`8 GiB`, `500 MB`), in bytes. */
export const bytesSchema = z.string({ error: bytesError('8 GiB') }).regex(AMOUNT, { error: bytesError('8 GiB') }).transform(amount)
  .refine((bytes) => bytes > 0, { error: 'must be more than nothing' })

/** Data a second (`2 MB/s`), in bytes. */
export const bandwidthSchema = z.string({ error: bytesError('2 MB/s') }).regex(/^[^/]+\/\s*s$/, { error: bytesError('2 MB/s') })
  .transform((text) => text.replace(/\s*\/\s*s$/, '')).pipe(bytesSchema)

function bytesError(example: string): string {
  return `write a number and kB, MB, GB, KiB, MiB or GiB${example.endsWith('/s') ? ' and /s' : ''}, e.g. ${example}`
}

/** A time span of more than nothing, in milliseconds. */
export const spanSchema = durationSchema.refine((ms) => ms > 0, { error: 'must be more than nothing' })

const RATES: Readonly<Record<string, number>> = { s: 1, min: 60, h: 3600, d: 86_400 }
const RATE = /^(\d+(?:\.\d+)?(?:e[+-]?\d+)?)\s*\/\s*(s|min|h|d)$/i
const rateError = 'write how much per s, min or h, e.g. 5/s or 30/min (a number alone is per second)'

/** How fast something may change (`5/s`, `30/min`; a number alone is per second), per second. */
export const rateSchema = z.union([
  z.number().positive({ error: 'must be above 0' }),
  z.string().regex(RATE, { error: rateError }).transform((text) => {
    const [, value = '0', unit = 's'] = RATE.exec(text) ?? []
    return Number(value) / (RATES[unit] ?? 1)
  }).refine((perSecond) => perSecond > 0, { error: 'must be above 0' }),
], { error: rateError })
