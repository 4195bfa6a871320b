import { createRoute, type OpenAPIHono } from '@hono/zod-openapi'
import type { Context, MiddlewareHandler } from 'hono'
import { deleteCookie, getCookie, setCookie } from 'hono/cookie'
import { z } from 'zod'
import type { Actor } from '../../registry/domain/access/rights.ts'
import { sha256Hex } from '../../registry/domain/canonical.ts'
import { microsToIso } from '../../registry/domain/contract/time.ts'
import type { Authenticator } from '../auth.ts'
import type { ApiEnv } from '../env.ts'
import { problemSchema } from '../errors.ts'
import { demandSameOrigin } from '../same-origin.ts'
import { SESSION_COOKIE, type Sessions } from '../session.ts'
import { meOf, meSchema } from './me.ts'

interface SessionDeps {
  readonly authenticator: Authenticator
  readonly sessions: Sessions
  readonly limited: (c: Context<ApiEnv>, keyDigest: string, attempt: () => Promise<Actor>) => Promise<Actor>
  readonly authenticate: MiddlewareHandler<ApiEnv>
}

const sessionSchema = z.object({ actor: meSchema, expiresAt: z.iso.datetime() }).meta({ id: 'Session' })
const problem = (description: string) => ({ description, content: { 'application/problem+json': { schema: problemSchema } } })
const problems = { 400: problem('The body does not fit'), 401: problem('The key is not valid'), 403: problem('Asked by another site'), 429: problem('Too many failed attempts'), default: problem('Anything else that went wrong') }

/**
 * The console's way in. The key is sent once, in a body, and exchanged for a cookie that scripts cannot read and other
 * sites cannot make the browser send; it is never in an address and never stored by the browser.
 */
export function mountSession(app: OpenAPIHono<ApiEnv>, { authenticator, sessions, limited, authenticate }: SessionDeps): void {
  app.openapi(createRoute({
    operationId: 'openSession', method: 'post', path: '/v1/session', tags: ['Access'],
    summary: 'Exchange an API key for a session cookie', security: [],
    description: 'Sets an HttpOnly, SameSite=Strict cookie that holds a signed session of eight hours. Ends at once when the key is revoked.',
    request: { body: { required: true, content: { 'application/json': { schema: z.strictObject({ key: z.string().min(1).max(500) }) } } } },
    responses: { 200: { description: 'Signed in', content: { 'application/json': { schema: sessionSchema } } }, ...problems },
  }), async (c) => {
    c.set('route', '/v1/session')
    // Signing somebody in without their knowing, as somebody else, is an attack too. No browser means no such victim.
    if (c.req.header('sec-fetch-site') !== undefined || c.req.header('origin') !== undefined) demandSameOrigin(c)
    const { key } = c.req.valid('json')
    const digest = sha256Hex(key)
    const actor = await limited(c, digest, () => authenticator.byKey(key))
    const { token, expiresUs } = sessions.issue(digest)
    setCookie(c, SESSION_COOKIE, token, { httpOnly: true, sameSite: 'Strict', secure: overTls(c), path: '/', expires: new Date(expiresUs / 1000) })
    return c.json({ actor: meOf(actor), expiresAt: microsToIso(expiresUs) }, 200)
  })

  app.openapi(createRoute({
    operationId: 'closeSession', method: 'delete', path: '/v1/session', tags: ['Access'], summary: 'Sign out: drop the session cookie',
    security: [{ session: [] }], middleware: [authenticate],
    responses: { 204: { description: 'Signed out' }, ...problems },
  }), (c) => {
    c.set('route', '/v1/session')
    if (getCookie(c, SESSION_COOKIE) !== undefined) deleteCookie(c, SESSION_COOKIE, { path: '/', secure: overTls(c) })
    return c.body(null, 204)
  })
}

/** A forged header can only make the cookie stricter, so a TLS-terminating proxy is believed here. */
const overTls = (c: Context): boolean => c.req.header('x-forwarded-proto') === 'https' || new URL(c.req.url).protocol === 'https:'
