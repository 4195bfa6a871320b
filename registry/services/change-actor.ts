import { z } from 'zod'
import { demand, roles, type Actor, type Role } from '../domain/access/rights.ts'
import { FLEET_SITE, slugSchema } from '../domain/contract/primitives.ts'
import { refuse } from '../domain/errors.ts'
import { changeActorRow } from '../store/actors.ts'
import { recordAudit } from '../store/audit.ts'
import { appendLedger } from '../store/ledger.ts'
import { inSite } from '../store/transaction.ts'
import type { ServiceContext } from './context.ts'

export const changeActorInput = z.object({
  site: z.union([slugSchema, z.literal(FLEET_SITE)]),
  id: slugSchema,
  name: z.string().min(1).max(200).optional(),
  roles: z.array(z.enum(roles)).transform((list) => [...new Set(list)].sort()).optional(),
  disabled: z.boolean().optional(),
})
export type ChangeActorInput = z.infer<typeof changeActorInput>

/** Changes name or roles, or disables: a disabled actor's keys stop working at once, and so do their approvals to come. */
export async function changeActor(
  ctx: ServiceContext, actor: Actor, input: ChangeActorInput,
): Promise<{ id: string; name: string; roles: readonly Role[]; disabled: boolean }> {
  demand(actor, 'actor.write', input.site)
  if (input.disabled && input.id === actor.id) refuse('conflict', 'you cannot disable yourself; ask another admin', { id: input.id })
  return inSite(ctx.pool, input.site, async (tx) => {
    const row = await changeActorRow(tx, { ...input, nowUs: ctx.nowUs() })
    if (!row) return refuse('not_found', `nobody is called ${input.id} at site ${input.site}`, { id: input.id })
    const body = { roles: row.roles, kind: row.kind, disabled: row.disabled }
    await recordAudit(tx, { actor, verb: 'change-actor', subject: `actor/${input.id}`, detail: body })
    await appendLedger(tx, { kind: 'actor.changed', subject: `actor/${input.id}`, actor, body })
    return { id: row.actorId, name: row.name, roles: row.roles, disabled: row.disabled }
  })
}
