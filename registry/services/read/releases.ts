import { demand, type Actor } from '../../domain/access/rights.ts'
import { refuse } from '../../domain/errors.ts'
import { timestampToUs } from '../../store/sql-time.ts'
import { inSite } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'
import { decodeCursor, toPage, type Page, type PageInput } from './page.ts'
import { iso } from './rows.ts'

export interface ReleaseView {
  readonly id: string
  readonly family: string
  readonly number: number
  /** name@version */
  readonly model: string
  readonly modelKind: string
  readonly featureSet: string
  /** Version of the family's policy. */
  readonly policy: number
  readonly digest: string
  readonly createdBy: string
  readonly createdAt: string
  /** Roles in which it is in force now. */
  readonly inForceAs: readonly string[]
}

interface Row {
  release_ref: number; release_id: string; family_id: string; number: number; name: string; model_version: number; kind: string; set_name: string
  set_version: number; policy_version: number; digest: string; created_by: string; created_us: string; in_force: string[]
}

const SELECT = `select r.release_ref, r.release_id, r.family_id, r.number, m.name, m.version as model_version, m.kind, f.name as set_name,
    f.version as set_version, p.version as policy_version, r.digest, r.created_by, ${timestampToUs('r.created_at')} as created_us,
    array(select distinct role from assignment s where s.release_ref = r.release_ref and s.valid @> now() order by role) as in_force
  from release r
  join model_version m on m.model_version_ref = r.model_version_ref
  join feature_set f on f.feature_set_ref = r.feature_set_ref
  join policy p on p.policy_ref = r.policy_ref`

/** Releases, newest first. */
export async function listReleases(
  ctx: ServiceContext, actor: Actor, input: PageInput & { site: string; family?: string | undefined },
): Promise<Page<ReleaseView>> {
  demand(actor, 'read', input.site)
  const [before] = decodeCursor(input.cursor, ['number'])
  const rows = await inSite(ctx.pool, input.site, async (tx) => (await tx.query<Row>(
    `${SELECT} where r.site_id = $1 and ($2::text is null or r.family_id = $2) and ($3::integer is null or r.release_ref < $3)
     order by r.release_ref desc limit $4`,
    [input.site, input.family ?? null, before, input.limit + 1],
  )).rows)
  return toPage(rows, input.limit, viewOf, (row) => [row.release_ref])
}

/** Refuses (`not_found`) an unknown release. */
export async function getRelease(ctx: ServiceContext, actor: Actor, input: { site: string; release: string }): Promise<ReleaseView> {
  demand(actor, 'read', input.site)
  const rows = await inSite(ctx.pool, input.site, async (tx) => (await tx.query<Row>(
    `${SELECT} where r.site_id = $1 and r.release_id = $2`, [input.site, input.release],
  )).rows)
  return rows[0] ? viewOf(rows[0])
    : refuse('not_found', `site ${input.site} has no release ${input.release}; GET /v1/releases lists those it has`, { release: input.release })
}

const viewOf = (row: Row): ReleaseView => ({
  id: row.release_id, family: row.family_id, number: row.number, model: `${row.name}@${row.model_version}`, modelKind: row.kind,
  featureSet: `${row.set_name}@${row.set_version}`, policy: row.policy_version, digest: row.digest, createdBy: row.created_by,
  createdAt: iso(row.created_us), inForceAs: row.in_force,
})
