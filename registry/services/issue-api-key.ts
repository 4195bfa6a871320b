import { z } from 'zod'
import { demand, type Actor } from '../domain/access/rights.ts'
import { FLEET_SITE, instantSchema, slugSchema } from '../domain/contract/primitives.ts'
import { isoToMicros } from '../domain/contract/time.ts'
import { refuse } from '../domain/errors.ts'
import { findActor, insertKey } from '../store/actors.ts'
import { recordAudit } from '../store/audit.ts'
import { appendLedger } from '../store/ledger.ts'
import { inSite } from '../store/transaction.ts'
import { hashApiKey, makeApiKey } from './api-key.ts'
import type { ServiceContext } from './context.ts'

export const issueApiKeyInput = z.object({
  site: z.union([slugSchema, z.literal(FLEET_SITE)]),
  actor: slugSchema,
  label: z.string().min(1).max(200),
  expiresAt: instantSchema.nullable().default(null),
})
export type IssueApiKeyInput = z.infer<typeof issueApiKeyInput>

/** Makes a key for an actor. The key itself is in this answer and nowhere else, ever. */
export async function issueApiKey(
  ctx: ServiceContext, actor: Actor, input: IssueApiKeyInput,
): Promise<{ id: string; actor: string; label: string; key: string; expiresAt: string | null }> {
  demand(actor, 'actor.write', input.site)
  const expiresAtUs = input.expiresAt === null ? null : isoToMicros(input.expiresAt)
  if (expiresAtUs !== null && expiresAtUs <= ctx.nowUs()) refuse('invalid', 'expiresAt lies in the past; choose a later instant', { expiresAt: input.expiresAt })
  const key = makeApiKey()
  return inSite(ctx.pool, input.site, async (tx) => {
    const owner = await findActor(tx, input.site, input.actor)
    if (owner?.site !== input.site || owner.disabled) {
      refuse('not_found', `no active actor is called ${input.actor} at site ${input.site}; make one first`, { actor: input.actor })
    }
    const id = await insertKey(tx, { site: input.site, actorId: input.actor, hash: hashApiKey(key), label: input.label, expiresAtUs })
    const body = { key: id, actor: input.actor, label: input.label, expiresAt: input.expiresAt }
    await recordAudit(tx, { actor, verb: 'issue-api-key', subject: `actor/${input.actor}`, detail: body })
    await appendLedger(tx, { kind: 'api-key.issued', subject: `actor/${input.actor}`, actor, body })
    return { id, actor: input.actor, label: input.label, key, expiresAt: input.expiresAt }
  })
}
