import { readFile } from 'node:fs/promises'
import path from 'node:path'
import type { Config } from '../config.ts'
import { CliError } from './errors.ts'

export interface ApiClient {
  readonly url: string
  get<T>(path: string, query?: Query): Promise<T>
  /** `idempotencyKey` lets a command be repeated without a second effect. */
  post<T>(path: string, body: unknown, query?: Query, idempotencyKey?: string): Promise<T>
  patch<T>(path: string, body: unknown, query?: Query): Promise<T>
}
export type Query = Record<string, string | number | boolean | undefined>

interface Problem { title?: string; detail?: string; type?: string; errors?: { pointer?: string; detail?: string }[]; details?: Record<string, unknown> }

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
    if (response.ok) return (text === '' ? undefined : parsed(text, url)) as T
    throw problemOf(response, text, query['site'])
  }
  return {
    url,
    get: (route, query) => call('GET', route, query),
    patch: (route, body, query) => call('PATCH', route, query, body),
    post: (route, body, query, idempotencyKey) => call('POST', route, query, body, idempotencyKey),
  }
}

function parsed(text: string, url: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new CliError('not_twinward', `What answers at ${url} is not Twinward's API. Name its address with --url; "npm start" prints it.`)
  }
}

function problemOf(response: Response, text: string, site: Query[string]): CliError {
  let problem: Problem = {}
  try { problem = JSON.parse(text) as Problem } catch { /* a proxy's page, not our API */ }
  const code = problem.type?.split(':').at(-1) ?? `http_${response.status}`
  const { errors = [], details = {} } = problem
  const more = { ...details, ...(errors.length > 0 && { errors }) }
  const cure = cureOf(code, details, site)
  if (cure !== undefined) return new CliError(code, cure, more)
  // The detail tells the first of them itself.
  const fields = errors.length > 1 ? errors.map((e) => `\n  ${e.pointer ?? ''}: ${e.detail ?? ''}`).join('') : ''
  return new CliError(code, `${problem.detail ?? problem.title ?? `The API answered ${response.status}.`}${fields}`, more)
}

/** The API's cure is in words of HTTP; on a command line it is an option or another command. */
function cureOf(code: string, { parameter, sites }: Readonly<Record<string, unknown>>, site: Query[string]): string | undefined {
  if (code === 'unauthenticated') {
    return 'The platform does not accept your key. Name a file with a good one (--key-file), or set TWINWARD_API_KEY; '
      + 'the admin key is in the file admin-key of the platform\'s data folder, and admins issue others (twinward api-key).'
  }
  if (parameter !== 'site') return undefined
  if (code === 'ambiguous' && Array.isArray(sites)) return `Your key covers ${sites.length} sites: say which one with --site (${sites.slice(0, 10).join(', ')}${sites.length > 10 ? ', …' : ''}).`
  if (code !== 'not_found') return undefined
  return site === undefined ? 'There is no site yet: "twinward import" makes one with the first history, "twinward import assets FILE" from a document.'
    : `There is no site ${String(site)}; "twinward sites" lists yours. A new one comes by "twinward import assets FILE", or from a gateway's site file by "twinward edge register".`
}

/** The key an operator uses: --key-file, else TWINWARD_API_KEY, else the admin key this platform made for its machine. */
export async function findKey(config: Config, keyFile: string | undefined, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  if (keyFile === undefined && env['TWINWARD_API_KEY']) return env['TWINWARD_API_KEY'].trim()
  const file = keyFile ?? path.join(config.dataDir, 'admin-key')
  let key
  try {
    key = (await readFile(file, 'utf8')).trim()
  } catch {
    if (keyFile === undefined) return undefined
    throw new CliError('key_file', `The key file ${file} cannot be read. Name another with --key-file, or set TWINWARD_API_KEY.`)
  }
  // A header takes printable ASCII only; what else stands there is no key of ours.
  if (!/^[\x21-\x7e]+$/.test(key)) throw new CliError('key_file', `The key file ${file} does not hold an API key: one line of letters and digits. Name another with --key-file.`)
  return key
}
