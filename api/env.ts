import type { Logger } from 'pino'
import type { Actor } from '../registry/domain/access/rights.ts'

/** What the middlewares know of a request, for those after them. */
export interface Variables {
  traceId: string
  log: Logger
  actor: Actor
  site: string
  /** Pattern of the operation that matched, e.g. `/v1/assets/{asset}`. */
  route: string
  /** When a request came with a session cookie rather than a key. */
  viaSession: boolean
}

export type ApiEnv = { Variables: Variables }
