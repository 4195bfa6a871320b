import { demand, type Actor } from '../../domain/access/rights.ts'
import type { Lane, Mode } from '../../domain/contract/batch.ts'
import { microsToIso } from '../../domain/contract/time.ts'
import { refuse } from '../../domain/errors.ts'
import { featureSetDefinitions } from '../../store/judging-definitions.ts'
import { timestampToUs, toUs, usToTimestamp } from '../../store/sql-time.ts'
import { inSite, type Tx } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'
import { assetRefOf } from './asset-of.ts'
import { decodeCursor, toPage, type Page, type PageInput } from './page.ts'

export interface FeatureWindowView {
  readonly id: string
  readonly start: string
  readonly end: string
  readonly revision: number
  readonly lane: Lane
  readonly mode: Mode
  readonly commitNumber: number
  readonly goodFraction: number
  /** By feature name; null where the window had too little to compute it from. */
  readonly values: Readonly<Record<string, number | null>>
}

export interface FeaturesInput extends PageInput {
  readonly site: string
  readonly asset: string
  /** name@version; absent: the set of the asset's newest window. */
  readonly featureSet?: string | undefined
  readonly fromUs?: number | undefined
  readonly toUs?: number | undefined
}

/** Feature values of an asset in the order of event time, the newest revision of each window that ends in [from, to). */
export async function listFeatures(
  ctx: ServiceContext, actor: Actor, input: FeaturesInput,
): Promise<Page<FeatureWindowView> & { featureSet: string | null }> {
  demand(actor, 'read', input.site)
  const [afterUs] = decodeCursor(input.cursor, ['number'])
  return inSite(ctx.pool, input.site, async (tx) => {
    const assetRef = await assetRefOf(tx, input.site, input.asset)
    const featureSetRef = await featureSetRefOf(tx, assetRef, input)
    const [definition] = featureSetRef === null ? [] : await featureSetDefinitions(tx, [featureSetRef])
    if (!definition) return { items: [], nextCursor: null, featureSet: null }
    const { rows } = await tx.query<WindowRow>(
      `select distinct on (window_end) window_id, ${timestampToUs('window_start')} as start_us, ${timestampToUs('window_end')} as end_us, revision,
              lane, mode, commit_number, good_fraction, feature_values
       from feature_window
       where asset_ref = $1 and feature_set_ref = $2
         and ($3::bigint is null or window_end >= ${usToTimestamp('$3')}) and ($4::bigint is null or window_end < ${usToTimestamp('$4')})
         and ($5::bigint is null or window_end > ${usToTimestamp('$5')})
       order by window_end, revision desc limit $6`,
      [assetRef, featureSetRef, input.fromUs ?? null, input.toUs ?? null, afterUs, input.limit + 1],
    )
    const names = definition.set.features.map((feature) => feature.name)
    return {
      ...toPage(rows, input.limit, (row) => viewOf(row, names), (row) => [toUs(row.end_us)]),
      featureSet: `${definition.set.name}@${definition.set.version}`,
    }
  })
}

interface WindowRow {
  window_id: string; start_us: string; end_us: string; revision: number; lane: Lane; mode: Mode; commit_number: string
  good_fraction: number; feature_values: number[]
}

const viewOf = (row: WindowRow, names: readonly string[]): FeatureWindowView => ({
  id: row.window_id, start: microsToIso(toUs(row.start_us)), end: microsToIso(toUs(row.end_us)), revision: row.revision,
  lane: row.lane, mode: row.mode, commitNumber: Number(row.commit_number), goodFraction: row.good_fraction,
  values: Object.fromEntries(names.map((name, i) => {
    const value = row.feature_values[i]
    return [name, value === undefined || !Number.isFinite(value) ? null : value]
  })),
})

async function featureSetRefOf(tx: Tx, assetRef: number, { site, featureSet }: FeaturesInput): Promise<number | null> {
  if (featureSet === undefined) {
    const { rows } = await tx.query<{ feature_set_ref: number }>(
      'select feature_set_ref from feature_window where asset_ref = $1 and rescore_ref is null order by window_id desc limit 1', [assetRef],
    )
    return rows[0]?.feature_set_ref ?? null
  }
  const [name, version] = featureSet.split('@')
  const { rows } = await tx.query<{ feature_set_ref: number }>(
    'select feature_set_ref from feature_set where site_id = $1 and name = $2 and version::text = $3', [site, name, version ?? ''],
  )
  return rows[0]?.feature_set_ref
    ?? refuse('not_found', `site ${site} has no feature set ${featureSet}; write name@version as GET /v1/feature-sets lists them`, { featureSet })
}
