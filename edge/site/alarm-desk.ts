import type { IncomingMessage } from 'node:http'
import { z } from 'zod'
import { DomainError } from '../../registry/domain/errors.ts'
import { hostOf, isLoopback } from '../loopback.ts'
import type { RunningSite } from './run-site.ts'

export interface DeskAnswer { readonly status: number; readonly body: object }

const acknowledgeSchema = z.strictObject({ by: z.string().trim().min(1).max(200), comment: z.string().trim().min(1).max(500).nullable().default(null) })
const MOST_BYTES = 4096
const LISTED = 200

/** `GET /alarms`: those that stand, and the newest of those that are over. */
export const listAlarms = (site: RunningSite | undefined): DeskAnswer => (site ? { status: 200, body: { items: site.alarms.list(LISTED) } } : AWAY)

/**
 * `POST /alarms/ID/acknowledge` with `{ by, comment }`. There is no password here, so it is for whoever stands at the box: only
 * where health listens on loopback, and never for a page of another site (that would have to ask before it sends JSON).
 */
export async function acknowledgeAlarm(site: RunningSite | undefined, id: string, request: IncomingMessage): Promise<DeskAnswer> {
  // A name that was made to point here is none of ours.
  if (!isLoopback(request.socket.localAddress ?? '') || !isLoopback(hostOf(request.headers.host ?? ''))) return refused(403, 'forbidden', 'an alarm is acknowledged on the box itself (health: { listen: "127.0.0.1:9464" }), or at the platform')
  if (!/^application\/json\b/.test(request.headers['content-type'] ?? '')) return refused(415, 'unsupported_media_type', 'send JSON, as content-type: application/json')
  const parsed = acknowledgeSchema.safeParse(await jsonOf(request))
  if (!parsed.success) return refused(400, 'invalid', 'send { "by": "who", "comment": "what was found" }; the comment may be left out')
  if (!site) return AWAY
  try {
    return { status: 200, body: await site.alarms.acknowledge(id, parsed.data.by, parsed.data.comment) }
  } catch (error) {
    if (error instanceof DomainError && error.code === 'not_found') return refused(404, error.code, error.message)
    throw error
  }
}

const refused = (status: number, code: string, message: string): DeskAnswer => ({ status, body: { code, message } })
const AWAY = refused(503, 'unavailable', 'the gateway is being started; ask again')

async function jsonOf(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.byteLength
    if (bytes > MOST_BYTES) return undefined
    parts.push(part)
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString('utf8'))
  } catch {
    return undefined
  }
}
