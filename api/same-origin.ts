import type { Context } from 'hono'
import { ApiError } from './errors.ts'

/**
 * Cross-site request forgery: a write that rides on a cookie must come from our own pages. Browsers say so themselves
 * (Fetch Metadata); older ones send Origin. Neither present means it was no browser of ours: such callers use a key.
 * Refuses `forbidden`.
 */
export function demandSameOrigin(c: Context): void {
  const site = c.req.header('sec-fetch-site')
  if (site !== undefined) {
    if (site === 'same-origin') return
  } else {
    const origin = c.req.header('origin')
    const host = c.req.header('host') ?? new URL(c.req.url).host
    if (origin !== undefined && URL.canParse(origin) && new URL(origin).host === host) return
  }
  throw new ApiError('forbidden', 'This write came from another site. Use the console itself, or an API key in the Authorization header.')
}
