import { z } from 'zod'
import { demand, type Actor } from '../../domain/access/rights.ts'
import { slugSchema } from '../../domain/contract/primitives.ts'
import { microsToIso } from '../../domain/contract/time.ts'
import { refuse } from '../../domain/errors.ts'
import { recordNumberedAudit } from '../../store/audit.ts'
import { lockGateway, notifyAccess, shutOut } from '../../store/gateway-access.ts'
import { revokeCertificates } from '../../store/gateway-certificates.ts'
import { withdrawEnrolments } from '../../store/gateway-enrolments.ts'
import { appendLedger } from '../../store/ledger.ts'
import { announce } from '../../store/outbox.ts'
import { inSite } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'

export const revokeGatewayInput = z.object({ site: slugSchema, gateway: slugSchema, reason: z.string().min(1).max(500).describe('Why: who is turned away is told') })
export type RevokeGatewayInput = z.infer<typeof revokeGatewayInput>

export interface RevokedGateway {
  readonly gateway: string
  readonly revokedAt: string
  /** Ids of the certificates that let nobody in any more. */
  readonly certificates: readonly string[]
  /** Tokens that nobody had used yet. */
  readonly enrolments: number
}

/**
 * Shuts a gateway out, whatever it shows: its certificates and unused tokens work no more, sessions end, and nothing of it
 * is taken until it is enrolled again. What it holds in its buffer stays there. Refuses (`not_found`) one that nobody has
 * heard of, enrolled or given a token.
 */
export async function revokeGateway(ctx: ServiceContext, actor: Actor, { site, gateway, reason }: RevokeGatewayInput): Promise<RevokedGateway> {
  demand(actor, 'gateway.revoke', site)
  const atUs = ctx.nowUs()
  return inSite(ctx.pool, site, async (tx) => {
    await lockGateway(tx, site, gateway)
    const { rowCount } = await tx.query(
      `select from gateway where site_id = $1 and gateway_id = $2 union all select from gateway_certificate where site_id = $1 and gateway_id = $2
       union all select from gateway_enrolment where site_id = $1 and gateway_id = $2 limit 1`, [site, gateway])
    if (rowCount === 0) refuse('not_found', `site ${site} has not heard of a gateway ${gateway}; GET /v1/gateways lists those it has`, { gateway })
    const certificates = await revokeCertificates(tx, site, gateway, { by: actor.id, because: reason, atUs })
    const enrolments = await withdrawEnrolments(tx, site, gateway, atUs)
    await shutOut(tx, site, gateway, { by: actor.id, because: reason, atUs })
    await notifyAccess(tx, site, gateway)
    const subject = `gateway/${gateway}`
    const number = await recordNumberedAudit(tx, { actor, verb: 'revoke-gateway', subject, detail: { reason, certificates, enrolments } })
    await appendLedger(tx, { kind: 'gateway.revoked', subject, actor, body: { gateway, reason, certificates } })
    await announce(tx, { id: `gateway/${gateway}/revoked/${number}`, type: 'gateway.revoked', atUs, data: { gateway, reason, by: actor.id, certificates } })
    return { gateway, revokedAt: microsToIso(atUs), certificates, enrolments }
  })
}
