import { may, type Actor, type Right } from '../registry/domain/access/rights.ts'
import { FLEET_SITE, slugSchema } from '../registry/domain/contract/primitives.ts'
import { refuse } from '../registry/domain/errors.ts'
import { ApiError } from './errors.ts'

/** The sites there are, for an actor who may see all of them. */
export type SiteNames = () => Promise<readonly string[]>

/**
 * Which site a request acts on: the one it names, else the only one its actor covers. Refuses (`ambiguous`) when there
 * are several and (`not_found`) one that is not there, but only to those who may know.
 */
export async function siteOfRequest(actor: Actor, named: string | undefined, names: SiteNames): Promise<string> {
  if (named !== undefined) {
    const pointer = { errors: [{ in: 'query' as const, pointer: '/site', detail: 'not the id of a site' }] }
    if (!slugSchema.safeParse(named).success) throw new ApiError('invalid', `site "${named.slice(0, 70)}" is not a site's id; GET /v1/sites lists yours.`, pointer)
    if (actor.sites !== '*') return named
    if ((await names()).includes(named)) return named
    refuse('not_found', `There is no site ${named}; GET /v1/sites lists yours.`, { parameter: 'site' })
  }
  const sites = actor.sites === '*' ? (await names()).filter((site) => site !== FLEET_SITE) : actor.sites
  const [only, ...others] = sites
  if (only === undefined) refuse('not_found', 'There is no site yet: make one with POST /v1/sites or POST /v1/assets/import.', { parameter: 'site' })
  if (others.length > 0) {
    refuse('ambiguous', `Your key covers ${sites.length} sites; say which one you mean with ?site=, e.g. ?site=${only}.`, { parameter: 'site', sites })
  }
  return only
}

/** Over the fleet an actor needs the right at one of its sites; the service narrows what it shows. */
export function mayAnywhere(actor: Actor, right: Right): boolean {
  return may(actor, right, FLEET_SITE) || (actor.sites !== '*' && actor.sites.some((site) => may(actor, right, site)))
}
