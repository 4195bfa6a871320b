import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { demand, may, type Actor } from '../../domain/access/rights.ts'
import { slugSchema } from '../../domain/contract/primitives.ts'
import { microsToIso } from '../../domain/contract/time.ts'
import { refuse } from '../../domain/errors.ts'
import { findActor } from '../../store/actors.ts'
import { recordAudit } from '../../store/audit.ts'
import { insertDelegation } from '../../store/delegations.ts'
import { getFamily } from '../../store/families.ts'
import { appendLedger } from '../../store/ledger.ts'
import { announce } from '../../store/outbox.ts'
import { inSite } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'

/** Longer is a change of roles, not a holiday. */
const LONGEST_US = 366 * 86_400_000_000

export const delegateGatesInput = z.object({
  site: slugSchema, to: slugSchema.describe('Active actor who decides for you'), untilUs: z.int(),
  family: slugSchema.nullable().default(null).describe('Null: every family of the site'), reason: z.string().trim().min(1).max(2000),
})
export type DelegateGatesInput = z.output<typeof delegateGatesInput>

export interface Delegated { readonly id: string; readonly delegator: string; readonly delegate: string; readonly family: string | null; readonly until: string }

/**
 * An approver lets somebody decide at gates for them, until a date. What counts is what the approver may do in their own
 * right when the decision is made; a delegate cannot delegate on. Refuses (`invalid`) a time that is past or more than a
 * year away, and (`unprocessable`) a delegate who is not active or has no part in gates.
 */
export async function delegateGates(ctx: ServiceContext, actor: Actor, input: DelegateGatesInput): Promise<Delegated> {
  demand(actor, 'gate.decide', input.site)
  const { site, to, family, reason, untilUs } = input
  const nowUs = ctx.nowUs()
  if (to === actor.id) refuse('invalid', 'you decide for yourself already; name another person', { to })
  if (untilUs <= nowUs || untilUs > nowUs + LONGEST_US) {
    refuse('invalid', `a delegation ends between now and a year from now, not at ${microsToIso(untilUs)}`, { until: microsToIso(untilUs) })
  }
  return inSite(ctx.pool, site, async (tx) => {
    if (family !== null) await getFamily(tx, site, family)
    const known = await findActor(tx, site, to)
    if (!known || known.disabled) refuse('unprocessable', `${to} is not an active actor of site ${site}; name another`, { to })
    if (!may({ id: to, roles: known.roles, sites: [site] }, 'gate.take-part', site)) {
      refuse('unprocessable', `${to} holds no role that takes part in gates (${known.roles.join(', ') || 'none at all'}); name another, or ask an admin for the role operator`, { to })
    }
    const id = randomUUID()
    await insertDelegation(tx, { id, site, family, delegator: actor.id, delegate: to, reason, madeUs: nowUs, endsUs: untilUs })
    const body = { delegation: id, delegator: actor.id, delegate: to, family, until: microsToIso(untilUs), reason }
    await recordAudit(tx, { actor, verb: 'delegate-gates', subject: `delegation/${id}`, detail: body })
    await appendLedger(tx, { kind: 'delegation.made', subject: `delegation/${id}`, actor, body })
    await announce(tx, { id: `delegation/${id}/made`, type: 'delegation.made', atUs: nowUs, data: body })
    return { id, delegator: actor.id, delegate: to, family, until: microsToIso(untilUs) }
  })
}
