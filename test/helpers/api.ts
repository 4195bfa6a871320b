import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pino } from 'pino'
import { startApiServer, type ApiServer } from '../../infra/api-server.ts'
import type { Connections } from '../../infra/config.ts'
import { freePort } from '../../infra/dev/ports.ts'
import type { Role } from '../../registry/domain/access/rights.ts'

export interface Answer<T = Record<string, unknown>> { readonly status: number; readonly body: T; readonly text: string; readonly headers: Headers }

export interface TestApi extends ApiServer {
  readonly adminKey: string
  readonly dataDir: string
  /** What tokens say of the door's port; a test that needs one listens there. */
  readonly doorPort: number
  /** What the API logged at level error: a bug, or a server that is away. */
  readonly errors: readonly Record<string, unknown>[]
  call<T = Record<string, unknown>>(key: string | null, method: string, address: string, body?: unknown, headers?: Record<string, string>): Promise<Answer<T>>
  /** A new actor with these roles and a key. */
  keyFor(site: string, roles: readonly Role[], id?: string): Promise<string>
}

/** The API as it is served, on a port of its own, which holds each of its answers against the documented schema. */
export async function startTestApi(connections: Connections): Promise<TestApi> {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'twinward-api-'))
  const errors: Record<string, unknown>[] = []
  const log = pino({ level: 'error' }, { write: (line: string) => { errors.push(JSON.parse(line) as Record<string, unknown>) } })
  const doorPort = await freePort()
  const server = await startApiServer({
    connections, dataDir, host: '127.0.0.1', port: 0, log, checkAnswers: true, door: { host: '127.0.0.1', name: '127.0.0.1', port: doorPort, mqttPort: 8883 },
  })
  const adminKey = (await readFile(path.join(dataDir, 'admin-key'), 'utf8')).trim()
  let made = 0
  const call: TestApi['call'] = async (key, method, address, body, headers = {}) => {
    const response = await fetch(server.address + address, {
      method,
      headers: { ...(key !== null && { authorization: `Bearer ${key}` }), ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const text = await response.text()
    return { status: response.status, body: (text === '' ? {} : JSON.parse(text)) as never, text, headers: response.headers }
  }
  return {
    ...server, adminKey, dataDir, doorPort, errors, call,
    async keyFor(site, roles, id = `actor-${++made}`) {
      const actor = await call(adminKey, 'POST', `/v1/actors?site=${site}`, { id, name: id, kind: 'person', roles })
      if (actor.status !== 201 && actor.status !== 409) throw new Error(`no actor: ${actor.text}`)
      const key = await call<{ key: string }>(adminKey, 'POST', `/v1/api-keys?site=${site}`, { actor: id, label: 'test' })
      if (key.status !== 201) throw new Error(`no key: ${key.text}`)
      return key.body.key
    },
    async stop() {
      await server.stop()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}
