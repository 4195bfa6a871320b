import { demand, type Actor } from '../../domain/access/rights.ts'
import { microsToIso } from '../../domain/contract/time.ts'
import { refuse } from '../../domain/errors.ts'
import { MODEL_VERSION_COLUMNS, modelVersionFromRow, type ModelOrigin, type ModelVersionRow } from '../../store/model-versions.ts'
import { inSite } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'
import { decodeCursor, toPage, type Page, type PageInput } from './page.ts'

/** A version in a list. */
export interface ModelVersionView {
  readonly site: string
  readonly family: string
  readonly name: string
  readonly version: number
  readonly kind: string
  readonly digest: string
  readonly dataset: string
  readonly featureSet: { readonly name: string; readonly version: number; readonly digest: string }
  readonly metrics: Record<string, unknown>
  readonly reason: string
  readonly run: string
  /** The version at another site that this is a copy of, and who took it over. */
  readonly copiedFrom: ModelOrigin | null
  readonly createdBy: string
  readonly createdAt: string
  /** Releases that bind it. */
  readonly releases: readonly string[]
}

/** One version whole. */
export interface ModelVersionDetail extends ModelVersionView {
  readonly artifactKey: string
  readonly calibration: Record<string, unknown>
  readonly runtime: Record<string, unknown>
  /** Markdown. */
  readonly card: string
}

interface Row extends ModelVersionRow { set_name: string; set_version: number; set_digest: string; releases: string[] }

const SELECT = `select m.*, f.name as set_name, f.version as set_version, f.digest as set_digest,
    array(select r.release_id from release r where r.model_version_ref = m.model_version_ref order by r.number) as releases
  from (select site_id, ${MODEL_VERSION_COLUMNS} from model_version) m join feature_set f using (feature_set_ref)`

/** Model versions of a site, newest first; of one family or one name when given. */
export async function listModels(
  ctx: ServiceContext, actor: Actor, input: PageInput & { site: string; family?: string | undefined; name?: string | undefined },
): Promise<Page<ModelVersionView>> {
  demand(actor, 'read', input.site)
  const [before] = decodeCursor(input.cursor, ['number'])
  const rows = await inSite(ctx.pool, input.site, async (tx) => (await tx.query<Row>(
    `${SELECT} where m.site_id = $1 and ($2::text is null or m.family_id = $2) and ($3::text is null or m.name = $3)
       and ($4::int is null or m.model_version_ref < $4) order by m.model_version_ref desc limit $5`,
    [input.site, input.family ?? null, input.name ?? null, before, input.limit + 1],
  )).rows)
  return toPage(rows, input.limit, (row) => viewOf(input.site, row), (row) => [row.model_version_ref])
}

/** Refuses (`not_found`) a version that is not there. */
export async function getModel(
  ctx: ServiceContext, actor: Actor, input: { site: string; name: string; version: number },
): Promise<ModelVersionDetail> {
  demand(actor, 'read', input.site)
  const { site, name, version } = input
  const rows = await inSite(ctx.pool, site, async (tx) => (await tx.query<Row>(
    `${SELECT} where m.site_id = $1 and m.name = $2 and m.version = $3`, [site, name, version],
  )).rows)
  const row = rows[0] ?? refuse('not_found', `site ${site} has no version ${version} of model ${name}`, { name, version })
  return { ...viewOf(site, row), artifactKey: row.artifact_key, calibration: row.calibration, runtime: row.runtime, card: row.card }
}

function viewOf(site: string, row: Row): ModelVersionView {
  const model = modelVersionFromRow(row)
  return {
    site, family: model.family, name: model.name, version: model.version, kind: model.kind, digest: model.digest, dataset: model.datasetId,
    featureSet: { name: row.set_name, version: row.set_version, digest: row.set_digest },
    metrics: model.metrics, reason: model.reason, run: model.runId, copiedFrom: model.copiedFrom, createdBy: model.createdBy, createdAt: microsToIso(model.createdUs),
    releases: row.releases,
  }
}
