import { z } from 'zod'
import { demand, type Actor } from '../domain/access/rights.ts'
import { FLEET_SITE, slugSchema } from '../domain/contract/primitives.ts'
import { refuse } from '../domain/errors.ts'
import { revokeKey } from '../store/actors.ts'
import { recordAudit } from '../store/audit.ts'
import { appendLedger } from '../store/ledger.ts'
import { inSite } from '../store/transaction.ts'
import type { ServiceContext } from './context.ts'

export const revokeApiKeyInput = z.object({ site: z.union([slugSchema, z.literal(FLEET_SITE)]), key: z.uuid() })
export type RevokeApiKeyInput = z.infer<typeof revokeApiKeyInput>

/** Ends a key at once. Refuses (`not_found`) a key that is unknown or ended already. */
export async function revokeApiKey(ctx: ServiceContext, actor: Actor, input: RevokeApiKeyInput): Promise<{ id: string; revoked: true }> {
  demand(actor, 'actor.write', input.site)
  return inSite(ctx.pool, input.site, async (tx) => {
    if (!await revokeKey(tx, input.site, input.key, ctx.nowUs())) {
      refuse('not_found', `site ${input.site} has no working key ${input.key}`, { key: input.key })
    }
    await recordAudit(tx, { actor, verb: 'revoke-api-key', subject: `api-key/${input.key}` })
    await appendLedger(tx, { kind: 'api-key.revoked', subject: `api-key/${input.key}`, actor, body: { key: input.key } })
    return { id: input.key, revoked: true }
  })
}
