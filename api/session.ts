import { createHmac, timingSafeEqual } from 'node:crypto'

/** A shift: long enough to work, short enough that a forgotten browser closes by itself. */
const LIFETIME_US = 8 * 3600 * 1_000_000

export const SESSION_COOKIE = 'twinward_session'

export interface Sessions {
  issue(subject: string): { token: string; expiresUs: number }
  /** The subject of a token that we signed and that has not run out; null for anything else. */
  read(token: string): { subject: string; expiresUs: number } | null
}

/**
 * Signed sessions (HMAC-SHA-256) that hold no secret: the subject is the digest of the API key that was exchanged, so a
 * key that is revoked ends its sessions at once.
 */
export function createSessions(secret: Uint8Array, nowUs: () => number): Sessions {
  const sign = (payload: string) => createHmac('sha256', secret).update(`twinward session\n${payload}`).digest()
  return {
    issue(subject) {
      const expiresUs = nowUs() + LIFETIME_US
      const payload = Buffer.from(JSON.stringify([subject, expiresUs])).toString('base64url')
      return { token: `${payload}.${sign(payload).toString('base64url')}`, expiresUs }
    },
    read(token) {
      const [payload, signature, ...rest] = token.split('.')
      if (!payload || !signature || rest.length > 0) return null
      const given = Buffer.from(signature, 'base64url')
      const expected = sign(payload)
      if (given.length !== expected.length || !timingSafeEqual(given, expected)) return null
      const [subject, expiresUs] = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as [string, number]
      return expiresUs > nowUs() ? { subject, expiresUs } : null
    },
  }
}
