import { z } from 'zod'
import { may, type Actor } from '../../domain/access/rights.ts'
import { slugSchema } from '../../domain/contract/primitives.ts'
import { microsToIso } from '../../domain/contract/time.ts'
import { refuse } from '../../domain/errors.ts'
import { recordAudit } from '../../store/audit.ts'
import { endDelegation, lockDelegation } from '../../store/delegations.ts'
import { appendLedger } from '../../store/ledger.ts'
import { announce } from '../../store/outbox.ts'
import { inSite } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'

export const revokeDelegationInput = z.object({ site: slugSchema, delegation: z.uuid() })
export type RevokeDelegationInput = z.output<typeof revokeDelegationInput>

/**
 * Ends a delegation at once: whoever gave it may, whoever holds it, and an admin. What was decided by it stays. Revoking
 * twice is revoking once.
 */
export async function revokeDelegation(ctx: ServiceContext, actor: Actor, input: RevokeDelegationInput): Promise<{ id: string; revokedAt: string }> {
  const { site, delegation: id } = input
  return inSite(ctx.pool, site, async (tx) => {
    const row = await lockDelegation(tx, site, id)
    if (row === null) return refuse('not_found', `site ${site} has no delegation ${id}; GET /v1/delegations lists them`, { delegation: id })
    if (actor.id !== row.delegator && actor.id !== row.delegate && !may(actor, 'actor.write', site)) {
      refuse('forbidden', `only ${row.delegator}, ${row.delegate} or an admin may end this delegation`, { delegation: id })
    }
    const nowUs = ctx.nowUs()
    if (row.revokedUs !== null) return { id, revokedAt: microsToIso(row.revokedUs) }
    await endDelegation(tx, id, actor.id, nowUs)
    const body = { delegation: id, delegator: row.delegator, delegate: row.delegate, family: row.family }
    await recordAudit(tx, { actor, verb: 'revoke-delegation', subject: `delegation/${id}`, detail: body })
    await appendLedger(tx, { kind: 'delegation.revoked', subject: `delegation/${id}`, actor, body })
    await announce(tx, { id: `delegation/${id}/revoked`, type: 'delegation.revoked', atUs: nowUs, data: { ...body, by: actor.id } })
    return { id, revokedAt: microsToIso(nowUs) }
  })
}
