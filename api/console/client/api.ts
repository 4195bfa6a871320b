import { sentence } from './text/sentence.ts'
import type { Page } from './types.ts'

/** Calls to the same origin. The session cookie travels by itself; no key is ever held by the page. */
export class ApiError extends Error {
  readonly status: number
  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

/** Fired on the window when the platform no longer knows who asks. */
export const SIGNED_OUT = 'twinward-signed-out'

export type Query = Record<string, string | number | undefined | null>

async function call<T>(method: string, path: string, query: Query = {}, body?: unknown): Promise<T> {
  const target = new URL(path, location.origin)
  for (const [name, value] of Object.entries(query)) if (value !== undefined && value !== null) target.searchParams.set(name, String(value))
  const response = await fetch(target, {
    method,
    headers: { accept: 'application/json', ...(body === undefined ? {} : { 'content-type': 'application/json', 'idempotency-key': crypto.randomUUID() }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  }).catch(() => { throw new ApiError(0, 'The platform does not answer. It may be restarting; this page tries again.') })
  const text = await response.text()
  if (response.ok) return (text === '' ? undefined : JSON.parse(text)) as T
  let detail = `The platform answered ${response.status}.`
  try {
    const problem = JSON.parse(text) as { detail?: string; title?: string; instance?: string }
    const trace = response.status >= 500 ? problem.instance?.split(':').at(-1) : undefined
    detail = `${sentence(problem.detail ?? problem.title ?? detail)}${trace === undefined ? '' : ` Trace ${trace}`}`
  } catch { /* not a problem document */ }
  // A session that ran out shows at the first answer; whoever asks for one learns it from the answer itself.
  if (response.status === 401 && path !== '/v1/session' && path !== '/v1/me') dispatchEvent(new Event(SIGNED_OUT))
  throw new ApiError(response.status, detail)
}

export const get = <T>(path: string, query?: Query): Promise<T> => call<T>('GET', path, query)
/** A list page by page, up to `pages` of them, as one. */
export async function getPages<T>(path: string, query: Query, pages: number): Promise<Page<T>> {
  const all: Page<T> = { items: [], nextCursor: null }
  for (let page = 0; page < pages; page++) {
    const next = await get<Page<T>>(path, { ...query, cursor: all.nextCursor })
    all.items.push(...next.items)
    all.nextCursor = next.nextCursor
    if (next.nextCursor === null) break
  }
  return all
}
export const post = <T>(path: string, body: unknown = {}, query?: Query): Promise<T> => call<T>('POST', path, query, body)
export const remove = <T>(path: string): Promise<T> => call<T>('DELETE', path)
