import { z } from 'zod'
import { sha256Schema, slugSchema } from '../contract/primitives.ts'
import { refuse } from '../errors.ts'

/** What a box needs to get its first certificate: where to go, whom to trust there, and a secret that works once. */
export interface EnrolmentToken {
  readonly site: string
  readonly gateway: string
  /** Where the door answers HTTPS: host:port. */
  readonly door: string
  /** SHA-256 over the public key (SPKI) of each authority that the door may show. */
  readonly authorities: readonly string[]
  /** 256 random bits, base64url. */
  readonly secret: string
}

const SCHEME = 'twinward-enrol:'
/** host:port, where an IPv6 address stands in brackets. */
export const doorAddressSchema = z.string().regex(/^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+):\d{1,5}$/)
const secretSchema = z.string().regex(/^[A-Za-z0-9_-]{43}$/)
const schema = z.object({ site: slugSchema, gateway: slugSchema, door: doorAddressSchema, authorities: z.array(sha256Schema).min(1).max(4), secret: secretSchema })

/** One line of visible ASCII. */
export function writeToken({ site, gateway, door, authorities, secret }: EnrolmentToken): string {
  return `${SCHEME}//${door}/${site}/${gateway}?${authorities.map((one) => `ca=${one}`).join('&')}&secret=${secret}`
}

/** Refuses (`invalid`) what is no token, or was cut short; the message shows nothing of it. */
export function readToken(text: string): EnrolmentToken {
  const [, door, site, gateway, query = ''] = /^twinward-enrol:\/\/([^/?#]+)\/([^/?#]+)\/([^/?#]+)\?([^#\s]+)$/.exec(text.trim()) ?? []
  const given = new URLSearchParams(query)
  const token = schema.safeParse({ site, gateway, door, authorities: given.getAll('ca'), secret: given.get('secret') })
  return token.success ? token.data : refuse('invalid', 'This is no enrolment token, or not all of one: it is one line that begins with '
    + `"${SCHEME}//". Copy it again from where "twinward gateways enrol" showed it, or make another.`, { fault: 'not_a_token' })
}
