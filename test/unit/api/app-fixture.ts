import { randomBytes } from 'node:crypto'
import { pino } from 'pino'
import { createApp } from '../../../api/app.ts'
import type { ApiDeps } from '../../../api/deps.ts'
import type { Actor } from '../../../registry/domain/access/rights.ts'
import { sha256Hex } from '../../../registry/domain/canonical.ts'
import { DomainError } from '../../../registry/domain/errors.ts'

/** Keys of the fixture's actors. */
export const keys = { admin: 'tw_admin', viewer: 'tw_viewer', nobody: 'tw_nobody' } as const

const actors: Record<string, Actor> = {
  [keys.admin]: { id: 'admin', roles: ['admin'], sites: '*' },
  [keys.viewer]: { id: 'vera', roles: ['viewer'], sites: ['hamburg'] },
  [keys.nobody]: { id: 'noel', roles: [], sites: ['hamburg'] },
}

/** A pool that says it is away: whoever asks it in a unit test learns what the API does then. */
const away = Object.assign(new Error('connect ECONNREFUSED 10.1.2.3:5432'), { code: 'ECONNREFUSED' })

/** The app without servers behind it; what its log was told is in `lines`. */
export function makeApp(overrides: Partial<ApiDeps> = {}) {
  const lines: Record<string, unknown>[] = []
  const log = pino({ level: 'info' }, { write: (line: string) => { lines.push(JSON.parse(line) as Record<string, unknown>) } })
  const byDigest = new Map(Object.entries(actors).map(([key, actor]) => [sha256Hex(key), actor]))
  const find = async (digest: string): Promise<Actor> => {
    const actor = byDigest.get(digest)
    if (!actor) throw new DomainError('unauthenticated', 'this API key does not work')
    return actor
  }
  let now = 1_800_000_000_000_000
  const app = createApp({
    ctx: {
      pool: { connect: () => Promise.reject(away), query: () => Promise.reject(away) } as unknown as ApiDeps['ctx']['pool'],
      objects: {} as ApiDeps['ctx']['objects'],
      nowUs: () => now,
    },
    log, version: '0.0.0-test',
    authenticator: { byKey: (key) => find(sha256Hex(key)), byKeyDigest: find },
    sessionSecret: randomBytes(32),
    gates: { decide: () => Promise.reject(new Error('no gate in unit tests')) },
    scorer: () => Promise.reject(new Error('no models in unit tests')),
    bundleSigner: { keyId: '0'.repeat(64), publicKey: '', sign: () => new Uint8Array(64) },
    gatewayDoor: { isYours: false, address: 'door.example:8443', pins: () => ['0'.repeat(64)], list: () => [], add: () => Promise.reject(new Error('no authority in unit tests')) },
    parts: { list: async () => [] },
    metricsOpen: false,
    checkAnswers: true,
    ...overrides,
  })
  return { app, lines, pass: (us: number) => { now += us }, revoke: (key: string) => { byDigest.delete(sha256Hex(key)) } }
}

export const bearer = (key: string): Record<string, string> => ({ authorization: `Bearer ${key}` })
