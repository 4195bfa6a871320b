import { readFile } from 'node:fs/promises'
import path from 'node:path'
import type { Config } from '../config.ts'

/** A refusal of the API or of the way to it, ready to be shown: the problem document's title, detail and code. */
export class CliError extends Error {
  readonly code: string
  constructor(code: string, message: string) {
    super(message)
    this.name = 'CliError'
    this.code = code
  }
}

export interface ApiClient {
  readonly url: string
  get<T>(path: string, query?: Query): Promise<T>
  /** `idempotencyKey` lets a command be repeated without a second effect. */
  post<T>(path: string, body: unknown, query?: Query, idempotencyKey?: string): Promise<T>
}
export type Query = Record<string, string | number | boolean | undefined>

interface Problem { title?: string; detail?: string; type?: string; errors?: { pointer?: string; detail?: string }[] }

export function createApiClient(url: string, key: string | undefined): ApiClient {
  const call = async <T>(method: string, route: string, query: Query = {}, body?: unknown, idempotencyKey?: string): Promise<T> => {
    const target = new URL(route, url)
    for (const [name, value] of Object.entries(query)) if (value !== undefined) target.searchParams.set(name, String(value))
    const response = await fetch(target, {
      method,
      headers: {
        accept: 'application/json',
        ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    }).catch((error: unknown) => {
      const cause = (error as Error & { cause?: { code?: string } }).cause?.code ?? (error as Error).message
      throw new CliError('unreachable', `Nothing answers at ${url} (${cause}). Start the platform with "npm start", or name its address with --url.`)
    })
    const text = await response.text()
    if (response.ok) return (text === '' ? undefined : JSON.parse(text)) as T
    throw problemOf(response, text)
  }
  return {
    url,
    get: (route, query) => call('GET', route, query),
    post: (route, body, query, idempotencyKey) => call('POST', route, query, body, idempotencyKey),
  }
}

function problemOf(response: Response, text: string): CliError {
  let problem: Problem = {}
  try { problem = JSON.parse(text) as Problem } catch { /* a proxy's page, not our API */ }
  const fields = (problem.errors ?? []).map((e) => `\n  ${e.pointer ?? ''}: ${e.detail ?? ''}`).join('')
  return new CliError(problem.type?.split(':').at(-1) ?? `http_${response.status}`,
    `${problem.detail ?? problem.title ?? `The API answered ${response.status}.`}${fields}`)
}

/** The key an operator uses: --key-file, else TWINWARD_API_KEY, else the admin key this platform made for its machine. */
export async function findKey(config: Config, keyFile: string | undefined): Promise<string | undefined> {
  if (keyFile === undefined && process.env['TWINWARD_API_KEY']) return process.env['TWINWARD_API_KEY']
  const file = keyFile ?? path.join(config.dataDir, 'admin-key')
  try {
    return (await readFile(file, 'utf8')).trim()
  } catch {
    if (keyFile === undefined) return undefined
    throw new CliError('key_file', `The key file ${file} cannot be read. Name one with --key-file, or set TWINWARD_API_KEY.`)
  }
}
