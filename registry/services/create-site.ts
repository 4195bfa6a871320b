import type { z } from 'zod'
import { demand, type Actor } from '../domain/access/rights.ts'
import { siteSchema, type Site } from '../domain/contract/hierarchy.ts'
import { refuse } from '../domain/errors.ts'
import { recordAudit } from '../store/audit.ts'
import { putSite } from '../store/sites.ts'
import { inSite } from '../store/transaction.ts'
import type { ServiceContext } from './context.ts'

export const createSiteInput = siteSchema
export type CreateSiteInput = z.infer<typeof createSiteInput>

/**
 * Makes a site, or changes its name and time zone. Refuses (`conflict`) to turn a plant into a simulation or back:
 * what was measured there would change its meaning.
 */
export async function createSite(ctx: ServiceContext, actor: Actor, input: CreateSiteInput): Promise<Site & { made: boolean }> {
  demand(actor, 'site.write', input.id)
  checkTimeZone(input.timeZone)
  return inSite(ctx.pool, input.id, async (tx) => {
    const outcome = await putSite(tx, input)
    if (outcome !== 'unchanged') {
      await recordAudit(tx, { actor, verb: 'create-site', subject: `site/${input.id}`, detail: { ...input, outcome } })
    }
    return { ...input, made: outcome === 'made' }
  })
}

export function checkTimeZone(timeZone: string): void {
  try {
    new Intl.DateTimeFormat('en', { timeZone })
  } catch {
    refuse('invalid', `"${timeZone}" is not an IANA time zone; write e.g. Europe/Berlin or UTC`, { timeZone })
  }
}
