import { z } from 'zod'
import { instantSchema, slugSchema, tagKeySchema } from '../../registry/domain/contract/primitives.ts'
import { isoToMicros } from '../../registry/domain/contract/time.ts'
import { refuse } from '../../registry/domain/errors.ts'

/** An instant in a query or body, as micros for the service. */
export const instantUs = instantSchema.transform((iso) => isoToMicros(iso))

/** A half-open range of event time. */
export const rangeQuery = {
  from: instantUs.optional().describe('Event time, inclusive; RFC 3339'),
  to: instantUs.optional().describe('Event time, exclusive; RFC 3339'),
} as const

/** `from` and `to` under the names services use. */
export function inMicros<Q extends { from?: number | undefined; to?: number | undefined }>({ from, to, ...rest }: Q) {
  return { ...rest, fromUs: from, toUs: to }
}

export const assetId = slugSchema.describe('Asset id')
export const tagKey = tagKeySchema.describe('Tag key, asset/tag')
export const laneSchema = z.enum(['live', 'backfill'])
export const modeSchema = z.enum(['live', 'backfill', 'simulation'])
export const roleSchema = z.enum(['champion', 'challenger', 'shadow'])
export const qualitySchema = z.enum(['good', 'uncertain', 'bad'])

/** A path parameter that is a number of ours: anything else cannot exist. */
export const serialOf = (what: string) => z.string().refine((id) =>
  /^[1-9]\d{0,17}$/.test(id) || refuse('not_found', `There is no ${what} ${id.slice(0, 80)}.`)).describe(`Id of the ${what}`)

/** JSON whose shape belongs to something versioned elsewhere: evidence, metrics, a definition. */
export const anyJson = z.unknown()
export const jsonObject = z.record(z.string(), z.unknown())

type Json = z.output<ReturnType<typeof z.json>>
/** The same in a body, which was JSON: the recursive schema for it has no form in OpenAPI that tools could read. */
export const jsonFields = z.record(z.string(), z.unknown()) as unknown as z.ZodType<Record<string, Json>, Record<string, Json>>

/** A number of micros or whole things in a query. */
export const wholeNumber = z.coerce.number().int()

/** `true` or `false` in a query. */
export const flag = z.enum(['true', 'false']).transform((text) => text === 'true')
