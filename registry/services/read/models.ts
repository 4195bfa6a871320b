import { demand, type Actor } from '../../domain/access/rights.ts'
import { refuse } from '../../domain/errors.ts'
import { timestampToUs } from '../../store/sql-time.ts'
import { inSite } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'
import { decodeCursor, toPage, type Page, type PageInput } from './page.ts'
import { iso } from './rows.ts'

export interface ModelView {
  readonly name: string
  readonly version: number
  readonly family: string
  readonly kind: string
  readonly digest: string
  readonly artifactKey: string
  readonly featureSet: string
  readonly dataset: string
  readonly metrics: Record<string, unknown>
  readonly reason: string
  readonly runId: string
  readonly createdBy: string
  readonly createdAt: string
  /** MLflow's view of assignments: roles in which a release of it is in force now. */
  readonly aliases: readonly string[]
  readonly releases: readonly string[]
}

export interface ModelDetail extends ModelView { readonly card: string; readonly calibration: unknown; readonly runtime: unknown }

interface Row {
  model_version_ref: number; name: string; version: number; family_id: string; kind: string; digest: string; artifact_key: string; set_name: string
  set_version: number; dataset_id: string; metrics: Record<string, unknown>; reason: string; run_id: string; created_by: string; created_us: string
  aliases: string[]; releases: string[]; card: string; calibration: unknown; runtime: unknown
}

const COLUMNS = `m.model_version_ref, m.name, m.version, m.family_id, m.kind, m.digest, m.artifact_key, f.name as set_name, f.version as set_version,
  m.dataset_id, m.metrics, m.reason, m.run_id, m.created_by, ${timestampToUs('m.created_at')} as created_us,
  array(select distinct s.role from assignment s join release r using (release_ref)
        where r.model_version_ref = m.model_version_ref and s.valid @> now() order by s.role) as aliases,
  array(select r.release_id from release r where r.model_version_ref = m.model_version_ref order by r.number) as releases`
const FROM = 'from model_version m join feature_set f using (feature_set_ref)'

/** Model versions, newest first. */
export async function listModels(
  ctx: ServiceContext, actor: Actor, input: PageInput & { site: string; family?: string | undefined; name?: string | undefined },
): Promise<Page<ModelView>> {
  demand(actor, 'read', input.site)
  const [before] = decodeCursor(input.cursor, ['number'])
  const rows = await inSite(ctx.pool, input.site, async (tx) => (await tx.query<Row>(
    `select ${COLUMNS} ${FROM}
     where m.site_id = $1 and ($2::text is null or m.family_id = $2) and ($3::text is null or m.name = $3)
       and ($4::integer is null or m.model_version_ref < $4)
     order by m.model_version_ref desc limit $5`,
    [input.site, input.family ?? null, input.name ?? null, before, input.limit + 1],
  )).rows)
  return toPage(rows, input.limit, viewOf, (row) => [row.model_version_ref])
}

/** One version with card, calibration and runtime. Refuses (`not_found`). */
export async function getModel(ctx: ServiceContext, actor: Actor, input: { site: string; name: string; version: number }): Promise<ModelDetail> {
  demand(actor, 'read', input.site)
  const rows = await inSite(ctx.pool, input.site, async (tx) => (await tx.query<Row>(
    `select ${COLUMNS}, m.card, m.calibration, m.runtime ${FROM} where m.site_id = $1 and m.name = $2 and m.version = $3`,
    [input.site, input.name, input.version],
  )).rows)
  const row = rows[0]
  if (!row) {
    return refuse('not_found', `site ${input.site} has no version ${input.version} of model ${input.name}; GET /v1/models lists those it has`, {
      name: input.name, version: input.version,
    })
  }
  return { ...viewOf(row), card: row.card, calibration: row.calibration, runtime: row.runtime }
}

const viewOf = (row: Row): ModelView => ({
  name: row.name, version: row.version, family: row.family_id, kind: row.kind, digest: row.digest, artifactKey: row.artifact_key,
  featureSet: `${row.set_name}@${row.set_version}`, dataset: row.dataset_id, metrics: row.metrics, reason: row.reason, runId: row.run_id,
  createdBy: row.created_by, createdAt: iso(row.created_us), aliases: row.aliases, releases: row.releases,
})
