import { z } from 'zod'

/** The contract's version: raised only when a field changes meaning; fields are added, never reused. */
export const CONTRACT_VERSION = 1

/** A name people type: lower case, digits, `-`, `_`, `.`; starts with a letter or digit; at most 63 characters. */
const SLUG = /^[a-z0-9][a-z0-9._-]{0,62}$/

export const slugSchema = z.string().regex(SLUG, 'use 1–63 of a–z, 0–9, ".", "_" or "-", starting with a letter or digit')

/** `asset/name`, unique within a site: how a tag is called on the wire. */
export const tagKeySchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,62}\/[a-z0-9][a-z0-9._-]{0,62}$/, 'a tag key is "asset/tag", each part a slug')

/** UTC microseconds since 1970 as an integer: exact in a double until the year 2255. */
export const microsSchema = z.number().int().min(-(2 ** 53)).max(2 ** 53)

export const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/, 'a SHA-256 in 64 lower-case hex digits')

/** 32 hex digits, the W3C Trace Context trace-id. */
export const traceIdSchema = z.string().regex(/^[0-9a-f]{32}$/, 'a trace id in 32 lower-case hex digits')

/** RFC 3339 instant with zone, as people and JSON APIs write it. */
export const instantSchema = z.iso.datetime({ offset: true })

/** Half-open validity [validFrom, validTo); `validTo` null means "until further notice". */
export const validitySchema = {
  validFrom: instantSchema,
  validTo: instantSchema.nullable().default(null),
}

/** The site id of rows shared by the whole fleet (asset classes, families used by several sites). */
export const FLEET_SITE = '_fleet'
