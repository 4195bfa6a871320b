import { getCookie } from 'hono/cookie'
import type { Context, MiddlewareHandler } from 'hono'
import type { Actor } from '../registry/domain/access/rights.ts'
import { sha256Hex } from '../registry/domain/canonical.ts'
import { DomainError } from '../registry/domain/errors.ts'
import type { ApiEnv } from './env.ts'
import { ApiError } from './errors.ts'
import type { FailedAttempts } from './failed-attempts.ts'
import { demandSameOrigin } from './same-origin.ts'
import { SESSION_COOKIE, type Sessions } from './session.ts'

export interface Authenticator {
  /** Whose key it is, as he stands now. Refuses `unauthenticated`. */
  byKey(key: string): Promise<Actor>
  /** The same by the key's SHA-256 in hex: what a session remembers of a key. */
  byKeyDigest(digest: string): Promise<Actor>
}

export interface AuthDeps {
  readonly authenticator: Authenticator
  readonly sessions: Sessions
  readonly failedAttempts: FailedAttempts
}

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS'])

/** Who asks: by `Authorization: Bearer <key>`, else by the console's session cookie. Refuses `unauthenticated`. */
export function authentication({ authenticator, sessions, failedAttempts }: AuthDeps): MiddlewareHandler<ApiEnv> {
  const limited = limiting(failedAttempts)
  return async (c, next) => {
    const header = c.req.header('authorization')
    const cookie = getCookie(c, SESSION_COOKIE)
    if (header !== undefined) {
      const key = /^Bearer +(\S+)$/i.exec(header)?.[1]
      if (key === undefined) throw new ApiError('unauthenticated', 'The Authorization header must be "Bearer <API key>".')
      c.set('actor', await limited(c, sha256Hex(key), () => authenticator.byKey(key)))
      c.set('viaSession', false)
    } else if (cookie !== undefined) {
      const session = sessions.read(cookie)
      if (!session) throw new ApiError('unauthenticated', 'The session has ended. Sign in again: POST /v1/session with your API key.')
      if (!SAFE.has(c.req.method)) demandSameOrigin(c)
      c.set('actor', await limited(c, session.subject, () => authenticator.byKeyDigest(session.subject)))
      c.set('viaSession', true)
    } else {
      throw new ApiError('unauthenticated', 'Send an API key: "Authorization: Bearer <key>". An admin issues one with POST /v1/api-keys or "twinward api-key".')
    }
    await next()
  }
}

/**
 * Runs an attempt under the limit of its address. A key that was right before still gets in while its address is over
 * the limit, so that a broken client does not lock out its neighbours behind the same proxy.
 */
export function limiting(failedAttempts: FailedAttempts) {
  const knownGood = new Set<string>()
  return async (c: Context<ApiEnv>, keyDigest: string, attempt: () => Promise<Actor>): Promise<Actor> => {
    const address = addressOf(c)
    const wait = failedAttempts.waitSeconds(address)
    if (wait > 0 && !knownGood.has(keyDigest)) {
      throw new ApiError('too_many_requests', `Too many failed attempts from ${address}. Try again in ${wait} s with a valid key.`, {
        headers: { 'retry-after': String(wait) },
      })
    }
    try {
      const actor = await attempt()
      if (knownGood.size >= 1000) knownGood.clear()
      knownGood.add(keyDigest)
      return actor
    } catch (error) {
      if (error instanceof DomainError && error.code === 'unauthenticated') {
        knownGood.delete(keyDigest)
        failedAttempts.failed(address)
      }
      throw error
    }
  }
}

/** The address at the other end of the socket. A forwarded one is not believed: anybody can write that header. */
export function addressOf(c: Context): string {
  const env = c.env as { incoming?: { socket?: { remoteAddress?: string } } } | undefined
  return env?.incoming?.socket?.remoteAddress ?? 'unknown'
}
