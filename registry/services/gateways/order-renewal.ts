import { z } from 'zod'
import { demand, type Actor } from '../../domain/access/rights.ts'
import { slugSchema } from '../../domain/contract/primitives.ts'
import { refuse } from '../../domain/errors.ts'
import { recordAudit } from '../../store/audit.ts'
import { insertOrder, openOrderOf } from '../../store/gateway-commands.ts'
import { usToTimestamp } from '../../store/sql-time.ts'
import { inSite } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'
import { demandGateway } from '../read/gateways.ts'

export const orderRenewalInput = z.object({ site: slugSchema, gateway: slugSchema })

export interface OrderedRenewal { readonly gateway: string; readonly state: 'ordered' }

/**
 * Has a gateway make another key and get a certificate for it, now instead of at two thirds of the present one's life. It is told with the
 * reply to its next report; the old certificate works until the new one has been used. Asked for again before that, it is one.
 * Refuses (`not_found`) a gateway that was never heard of, (`conflict`) one without a certificate that is good.
 */
export async function orderRenewal(ctx: Pick<ServiceContext, 'pool' | 'nowUs'>, actor: Actor, { site, gateway }: z.infer<typeof orderRenewalInput>): Promise<OrderedRenewal> {
  demand(actor, 'gateway.enrol', site)
  const atUs = ctx.nowUs()
  return inSite(ctx.pool, site, async (tx) => {
    await demandGateway(tx, site, gateway)
    const { rowCount } = await tx.query(
      `select from gateway_certificate where site_id = $1 and gateway_id = $2 and revoked_at is null and not_after > ${usToTimestamp('$3')} limit 1`, [site, gateway, atUs])
    if (rowCount === 0) refuse('conflict', `${gateway} has no certificate that is good, so there is none to renew: enrol it (twinward gateways enrol ${gateway} --site ${site}).`, { gateway })
    if (await openOrderOf(tx, { site, gateway, kind: 'renew', of: {} })) return { gateway, state: 'ordered' }
    await insertOrder(tx, { site, gateway, kind: 'renew', body: {}, requestedBy: actor.id, atUs })
    await recordAudit(tx, { actor, verb: 'order-renewal', subject: `gateway/${gateway}`, detail: {} })
    return { gateway, state: 'ordered' }
  })
}
