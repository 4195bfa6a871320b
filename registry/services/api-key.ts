import { createHash, randomBytes } from 'node:crypto'

const PREFIX = 'tw_'
const KEY = /^tw_[A-Za-z0-9_-]{43}$/

/** 256 random bits behind a prefix by which secret scanners know them. */
export function makeApiKey(): string {
  return `${PREFIX}${randomBytes(32).toString('base64url')}`
}

/** What is stored. A plain SHA-256 is enough: there is nothing to guess. */
export function hashApiKey(key: string): Buffer {
  return createHash('sha256').update(key).digest()
}

export const looksLikeApiKey = (text: string): boolean => KEY.test(text)
