import { may, type Actor, type Right } from '../registry/domain/access/rights.ts'
import { FLEET_SITE, slugSchema } from '../registry/domain/contract/primitives.ts'
import { refuse } from '../registry/domain/errors.ts'
import type { Pool } from '../registry/store/pool.ts'
import { siteOf, type Located } from '../registry/store/site-of.ts'
import { ALL_SITES, inSite } from '../registry/store/transaction.ts'
import { ApiError } from './errors.ts'

/** The sites there are, and where a thing is, for an actor who may see all of them. */
export interface SiteDirectory {
  names(): Promise<readonly string[]>
  siteOf(kind: Located, id: string): Promise<string | undefined>
}

export function createSiteDirectory(pool: Pool): SiteDirectory {
  return {
    names: () => inSite(pool, ALL_SITES, async (tx) => {
      const { rows } = await tx.query<{ site_id: string }>("select site_id from site where kind <> 'fleet' order by site_id")
      return rows.map((row) => row.site_id)
    }),
    siteOf: (kind, id) => inSite(pool, ALL_SITES, (tx) => siteOf(tx, kind, id)),
  }
}

export const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/**
 * Which site a request acts on: the one it names, else the only one its actor covers. Refuses (`ambiguous`) when there
 * are several and (`not_found`) one that is not there, but only to those who may know.
 */
export async function siteOfRequest(actor: Actor, named: string | undefined, directory: Pick<SiteDirectory, 'names'>): Promise<string> {
  if (named !== undefined) {
    const pointer = { errors: [{ in: 'query' as const, pointer: '/site', detail: 'not the id of a site' }] }
    if (!slugSchema.safeParse(named).success) throw new ApiError('invalid', `site "${named.slice(0, 70)}" is not a site's id; GET /v1/sites lists yours.`, pointer)
    if (actor.sites !== '*') return named
    if ((await directory.names()).includes(named)) return named
    refuse('not_found', `There is no site ${named}; GET /v1/sites lists yours.`, { parameter: 'site' })
  }
  const sites = actor.sites === '*' ? (await directory.names()).filter((site) => site !== FLEET_SITE) : actor.sites
  const [only, ...others] = sites
  if (only === undefined) refuse('not_found', 'There is no site yet: make one with POST /v1/sites or POST /v1/assets/import.', { parameter: 'site' })
  if (others.length > 0) {
    refuse('ambiguous', `Your key covers ${sites.length} sites; say which one you mean with ?site=, e.g. ?site=${only}.`, { parameter: 'site', sites })
  }
  return only
}

/** The site of a thing named by its id. Refuses (`not_found`) an id that names nothing. */
export async function siteOfThing({ kind, id }: { kind: Located; id: string }, directory: Pick<SiteDirectory, 'siteOf'>): Promise<string> {
  const site = UUID.test(id) ? await directory.siteOf(kind, id) : undefined
  return site ?? refuse('not_found', `There is no ${kind} ${id.slice(0, 80)}.`)
}

/** Over the fleet an actor needs the right at one of its sites; the service narrows what it shows. */
export function mayAnywhere(actor: Actor, right: Right): boolean {
  return may(actor, right, FLEET_SITE) || (actor.sites !== '*' && actor.sites.some((site) => may(actor, right, site)))
}
