import { createHash, timingSafeEqual } from 'node:crypto'
import { refuse } from '../../../registry/domain/errors.ts'
import type { SecretReader } from '../kind.ts'
import type { TokenConfig } from './config.ts'

/** Somebody who may send. */
export interface Sender {
  readonly name: string
  readonly assets: ReadonlySet<string> | null
  /** Takes one request off the allowance; gives the seconds to wait when there is none. */
  spend(nowMs: number): number
}

const SHORTEST = 16

/** Finds who a bearer token belongs to (RFC 6750). Refuses (`not_found`, `invalid`) secrets that are missing or easily guessed. */
export function createSenders(tokens: readonly TokenConfig[], perSecond: number, secret: SecretReader): (authorization: string | undefined) => Sender | undefined {
  const known = tokens.map(({ name, secret: reference, assets }) => {
    const token = secret(reference)
    if (token.length < SHORTEST || /\s/.test(token)) refuse('invalid', `the token ${name} has fewer than ${SHORTEST} characters or blanks in it; make one with: openssl rand -hex 24`)
    return { digest: digestOf(token), sender: { name, assets: assets ? new Set(assets) : null, spend: allowance(perSecond) } }
  })
  return (authorization) => {
    const token = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1]
    if (token === undefined) return undefined
    const digest = digestOf(token)
    // All are compared, each in constant time: how long it takes says nothing.
    return known.reduce<Sender | undefined>((found, one) => (timingSafeEqual(one.digest, digest) ? one.sender : found), undefined)
  }
}

const digestOf = (token: string): Buffer => createHash('sha256').update(token).digest()

/** Refills evenly; two seconds' worth may be spent at once. */
function allowance(perSecond: number): (nowMs: number) => number {
  const most = Math.max(1, 2 * perSecond)
  let left = most
  let lastMs: number | undefined
  return (nowMs) => {
    left = Math.min(most, left + ((nowMs - (lastMs ?? nowMs)) / 1000) * perSecond)
    lastMs = nowMs
    if (left < 1) return (1 - left) / perSecond
    left--
    return 0
  }
}
