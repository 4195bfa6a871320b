import { z } from 'zod'
import { demand, type Actor } from '../domain/access/rights.ts'
import { slugSchema } from '../domain/contract/primitives.ts'
import { familyGovernanceSchema } from '../domain/governance/family.ts'
import { refuse } from '../domain/errors.ts'
import { findActor } from '../store/actors.ts'
import { recordAudit } from '../store/audit.ts'
import { putFamily, type FamilyRow } from '../store/families.ts'
import { appendLedger } from '../store/ledger.ts'
import { siteKind } from '../store/sites.ts'
import { inSite } from '../store/transaction.ts'
import type { ServiceContext } from './context.ts'

export const createFamilyInput = z.object({
  site: slugSchema,
  id: slugSchema,
  name: z.string().min(1).max(200),
  owner: slugSchema.nullable().default(null).describe('Actor who answers for the family'),
  governance: familyGovernanceSchema.prefault({}),
  drift: z.record(z.string(), z.json()).default({}).describe('Thresholds of the drift check; absent ones are the defaults'),
})
export type CreateFamilyInput = z.infer<typeof createFamilyInput>

/**
 * Makes a family, or changes its owner and rules. Gates that are open keep the rules they were opened under. Refuses
 * (`unprocessable`) an owner nobody knows, and a rule that only an unknown owner could satisfy.
 */
export async function createFamily(ctx: ServiceContext, actor: Actor, input: CreateFamilyInput): Promise<FamilyRow & { made: boolean }> {
  demand(actor, 'family.write', input.site)
  const { site, ...family } = input
  return inSite(ctx.pool, site, async (tx) => {
    await siteKind(tx, site)
    if (family.owner !== null && !await findActor(tx, site, family.owner)) {
      refuse('unprocessable', `owner ${family.owner} is not known at site ${site}; make the actor first`, { owner: family.owner })
    }
    const ownerNeeded = family.governance['promote-model'].ownerMustApprove || family.governance['approve-policy'].ownerMustApprove
    if (ownerNeeded && family.owner === null) {
      refuse('unprocessable', `family ${family.id} asks for its owner's approval but has no owner; name one, or drop ownerMustApprove`, { family: family.id })
    }
    const outcome = await putFamily(tx, site, family)
    if (outcome !== 'unchanged') {
      const body = { owner: family.owner, governance: family.governance }
      await recordAudit(tx, { actor, verb: 'create-family', subject: `family/${family.id}`, detail: { ...family, outcome } })
      await appendLedger(tx, { kind: 'family.governance-changed', subject: `family/${family.id}`, actor, body })
    }
    return { ...family, made: outcome === 'made' }
  })
}
