import { demand, type Actor } from '../../domain/access/rights.ts'
import { microsToIso } from '../../domain/contract/time.ts'
import { refuse } from '../../domain/errors.ts'
import { timestampToUs, toUs, toUsOrNull } from '../../store/sql-time.ts'
import { inSite } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'
import { decodeCursor, toPage, type Page, type PageInput } from './page.ts'

export interface ReleaseView {
  readonly site: string
  readonly family: string
  readonly release: string
  readonly number: number
  readonly digest: string
  readonly model: { readonly name: string; readonly version: number; readonly kind: string; readonly digest: string }
  readonly featureSet: { readonly name: string; readonly version: number; readonly digest: string }
  readonly policy: { readonly version: number; readonly digest: string }
  readonly createdBy: string
  readonly createdAt: string
  /** What it judges now: MLflow's aliases, as a view of the assignments in force. */
  readonly inForce: readonly { readonly role: string; readonly scope: { readonly kind: string; readonly id: string }; readonly since: string | null }[]
}

interface Row {
  release_ref: number; release_id: string; family_id: string; number: number; digest: string; created_by: string; created_us: string
  model: ReleaseView['model']; feature_set: ReleaseView['featureSet']; policy: ReleaseView['policy']
  in_force: { role: string; kind: string; id: string; since_us: string | null }[] | null
}

const SELECT = `select r.release_ref, r.release_id, r.family_id, r.number, r.digest, r.created_by, ${timestampToUs('r.created_at')} as created_us,
    json_build_object('name', m.name, 'version', m.version, 'kind', m.kind, 'digest', m.digest) as model,
    json_build_object('name', f.name, 'version', f.version, 'digest', f.digest) as feature_set,
    json_build_object('version', p.version, 'digest', p.digest) as policy,
    (select json_agg(json_build_object('role', a.role, 'kind', a.scope_kind, 'id', a.scope_id, 'since_us', ${timestampToUs('lower(a.valid)')}::text)
                     order by a.role, a.scope_kind, a.scope_id)
     from assignment a where a.site_id = r.site_id and a.family_id = r.family_id and a.release_ref = r.release_ref and a.holds_from <= now() and a.holds_to > now()) as in_force
  from release r
  join model_version m using (model_version_ref)
  join feature_set f on f.feature_set_ref = r.feature_set_ref
  join policy p using (policy_ref)`

/** Releases of a site, newest first; of one family when given. */
export async function listReleases(
  ctx: ServiceContext, actor: Actor, input: PageInput & { site: string; family?: string | undefined },
): Promise<Page<ReleaseView>> {
  demand(actor, 'read', input.site)
  const [before] = decodeCursor(input.cursor, ['number'])
  const rows = await inSite(ctx.pool, input.site, async (tx) => (await tx.query<Row>(
    `${SELECT} where r.site_id = $1 and ($2::text is null or r.family_id = $2) and ($3::int is null or r.release_ref < $3)
     order by r.release_ref desc limit $4`,
    [input.site, input.family ?? null, before, input.limit + 1],
  )).rows)
  return toPage(rows, input.limit, (row) => viewOf(input.site, row), (row) => [row.release_ref])
}

/** Refuses (`not_found`) a release that is not there. */
export async function getRelease(ctx: ServiceContext, actor: Actor, input: { site: string; release: string }): Promise<ReleaseView> {
  demand(actor, 'read', input.site)
  const rows = await inSite(ctx.pool, input.site, async (tx) => (await tx.query<Row>(
    `${SELECT} where r.site_id = $1 and r.release_id = $2`, [input.site, input.release],
  )).rows)
  return viewOf(input.site, rows[0] ?? refuse('not_found', `site ${input.site} has no release ${input.release}`, { release: input.release }))
}

function viewOf(site: string, row: Row): ReleaseView {
  return {
    site, family: row.family_id, release: row.release_id, number: row.number, digest: row.digest, model: row.model, featureSet: row.feature_set,
    policy: row.policy, createdBy: row.created_by, createdAt: microsToIso(toUs(row.created_us)),
    inForce: (row.in_force ?? []).map(({ role, kind, id, since_us }) => {
      const since = toUsOrNull(since_us)
      return { role, scope: { kind, id }, since: since === null ? null : microsToIso(since) }
    }),
  }
}
