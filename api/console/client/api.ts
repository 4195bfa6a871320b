/** Calls to the same origin. The session cookie travels by itself; no key is ever held by the page. */
export class ApiError extends Error {
  readonly status: number
  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

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
    const problem = JSON.parse(text) as { detail?: string; title?: string }
    detail = problem.detail ?? problem.title ?? detail
  } catch { /* not a problem document */ }
  throw new ApiError(response.status, detail)
}

export const get = <T>(path: string, query?: Query): Promise<T> => call<T>('GET', path, query)
export const post = <T>(path: string, body: unknown = {}, query?: Query): Promise<T> => call<T>('POST', path, query, body)
export const remove = <T>(path: string): Promise<T> => call<T>('DELETE', path)
