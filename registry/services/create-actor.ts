import { z } from 'zod'
import { demand, roles, type Actor } from '../domain/access/rights.ts'
import { FLEET_SITE, slugSchema } from '../domain/contract/primitives.ts'
import { refuse } from '../domain/errors.ts'
import { findActor, findActorAnywhere, putActor } from '../store/actors.ts'
import { recordAudit } from '../store/audit.ts'
import { appendLedger } from '../store/ledger.ts'
import { siteKind } from '../store/sites.ts'
import { ALL_SITES, inSite } from '../store/transaction.ts'
import type { ServiceContext } from './context.ts'

export const createActorInput = z.object({
  site: z.union([slugSchema, z.literal(FLEET_SITE)]).describe('Where they act; _fleet = at every site'),
  id: slugSchema,
  name: z.string().min(1).max(200),
  kind: z.enum(['person', 'service']).default('person'),
  roles: z.array(z.enum(roles)).min(1).transform((list) => [...new Set(list)].sort()),
})
export type CreateActorInput = z.infer<typeof createActorInput>

/**
 * Makes a person or service known. Refuses (`already_exists`) a known id: roles are changed by change-actor. An id of
 * the fleet is nobody else's at any site, and the other way round: approvals tell people apart by their ids.
 */
export async function createActor(ctx: ServiceContext, actor: Actor, input: CreateActorInput): Promise<CreateActorInput> {
  demand(actor, 'actor.write', input.site)
  return inSite(ctx.pool, input.site === FLEET_SITE ? ALL_SITES : input.site, async (tx) => {
    await siteKind(tx, input.site)
    const known = input.site === FLEET_SITE ? await findActorAnywhere(tx, input.id) : await findActor(tx, input.site, input.id)
    if (known) {
      refuse('already_exists', `somebody is called ${input.id} at site ${known.site} already; change that actor's roles or choose another id`, {
        id: input.id, site: known.site,
      })
    }
    await putActor(tx, { site: input.site, actorId: input.id, name: input.name, kind: input.kind, roles: input.roles })
    const subject = `actor/${input.id}`
    const { site } = input
    await recordAudit(tx, { site, actor, verb: 'create-actor', subject, detail: { roles: input.roles, kind: input.kind } })
    // Roles decide who may approve, so the ledger keeps them too.
    await appendLedger(tx, { site, kind: 'actor.changed', subject, actor, body: { roles: input.roles, kind: input.kind, disabled: false } })
    return input
  })
}
