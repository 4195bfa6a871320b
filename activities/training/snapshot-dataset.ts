import { writeDataset, type DatasetRows } from '../../registry/artifacts/dataset.ts'
import { createExclusionFinder, labelVersion, type Exclusion } from '../../registry/domain/datasets/exclusions.ts'
import { splitByTime } from '../../registry/domain/datasets/split.ts'
import { refuse } from '../../registry/domain/errors.ts'
import { sharedFeatureSet } from '../../registry/services/retrain-model.ts'
import { recordAudit } from '../../registry/store/audit.ts'
import { registerDataset } from '../../registry/store/datasets.ts'
import { currentFeatureSet, type StoredFeatureSet } from '../../registry/store/feature-sets.ts'
import { lockOperationNotes } from '../../registry/store/operation-notes.ts'
import { reportProgress } from '../../registry/store/operations.ts'
import {
  familyAssets, newestCommit, readExclusions, readFailures, readTrainingWindows, type TrainingWindow,
} from '../../registry/store/training-windows.ts'
import { inSite, type Tx } from '../../registry/store/transaction.ts'
import { onBehalfOf, type TrainingDeps, type TrainingRun } from './deps.ts'

export interface SnapshotInput extends TrainingRun { readonly fromUs: number; readonly toUs: number; readonly assets: readonly string[] | null
  /** Other sites whose windows go in too. */
  readonly sites?: readonly string[] }
export interface SnapshotResult { readonly dataset: string; readonly digest: string; readonly rows: number }

/** The newest of them go in; some hundred megabytes with 40 features. */
const MAX_WINDOWS = 400_000
/** Below this the parts are too small for a limit or a calibration to mean anything. */
const MIN_NORMAL_WINDOWS = 100
/** What led to a failure is not normal, though nobody noticed. */
export const BEFORE_FAILURE_US = 24 * 3_600_000_000

/**
 * Takes the stored windows of a family as of the newest commit number (of each site, where several are learned from), leaves out what is known not to be normal, splits
 * by time, and keeps it as a dataset. A run takes one snapshot, however often this is tried. Refuses
 * (`insufficient_data`) too few normal windows and (`unprocessable`) a family without feature set or assets.
 */
export async function snapshotDataset(deps: TrainingDeps, run: SnapshotInput): Promise<SnapshotResult> {
  const taken = await inSite(deps.pool, run.site, async (tx) => {
    await reportProgress(tx, run.operationId, { step: 'snapshot' })
    return (await lockOperationNotes(tx, run.operationId))['snapshot'] as SnapshotResult | undefined
  })
  if (taken !== undefined) return taken

  const { featureSet, facts, rows } = await collect(deps, run)
  const { manifest, manifestKey } = await writeDataset(deps.objects, facts, rows)

  return inSite(deps.pool, run.site, async (tx) => {
    const notes = await lockOperationNotes(tx, run.operationId)
    if (notes['snapshot'] !== undefined) return notes['snapshot'] as SnapshotResult
    const actor = onBehalfOf(run)
    const dataset = await registerDataset(tx, {
      family: run.family, featureSetRef: featureSet.featureSetRef, digest: manifest.digest, manifestKey, manifest: { ...manifest },
      commitNumber: manifest.commitNumber, rowCount: manifest.rowCount, createdBy: actor.id,
    })
    const result: SnapshotResult = { dataset: dataset.datasetId, digest: dataset.digest, rows: dataset.rowCount }
    if (dataset.made) {
      await recordAudit(tx, { actor, verb: 'snapshot-dataset', subject: `dataset/${dataset.datasetId}`, detail: { ...result, commitNumber: manifest.commitNumber } })
    }
    await reportProgress(tx, run.operationId, { snapshot: result })
    return result
  })
}

type Facts = Parameters<typeof writeDataset>[1]

async function collect(deps: TrainingDeps, run: SnapshotInput): Promise<{ featureSet: StoredFeatureSet; facts: Facts; rows: DatasetRows }> {
  const { site, family } = run
  const home = await inSite(deps.pool, site, async (tx) => {
    const set = await currentFeatureSet(tx, family)
      ?? refuse('unprocessable', `family ${family} has no feature set, so it has no windows to learn from; register one first`, { family })
    return slice(tx, run, set)
  })
  // Each site as of its own commit number: what commits elsewhere meanwhile is that site's own affair.
  const others: SiteSlice[] = []
  for (const other of run.sites ?? []) {
    others.push(await inSite(deps.pool, other, async (tx) => slice(tx, run, await sharedFeatureSet(tx, home.featureSet, site))))
  }
  const { featureSet, commitNumber } = home
  const slices = others.length === 0 ? [home] : [home, ...others].map(namedBySite)
  if (slices.every(({ assets }) => assets === 0)) refuse('unprocessable', `family ${family} has no assets to learn from; import some, or name others`, { family, assets: run.assets })
  const windows = others.length === 0 ? home.windows : newest(slices.flatMap((each) => each.windows))
  for (const { site: of } of others) {
    if (!windows.some(({ asset }) => asset.startsWith(`${of}/`))) {
      refuse('insufficient_data', `site ${of} gives no window of this time, so nothing would be learned from it; leave it out, choose a longer period, or wait for its data`, { site: of })
    }
  }
  const exclusions = slices.flatMap((each) => each.exclusions)
  const rows = toRows(windows, featureSet.definition.features.map((f) => f.name), createExclusionFinder(exclusions))
  checkEnough(family, featureSet, rows)
  const span = { fromUs: windows[0]?.startUs ?? run.fromUs, toUs: windows.at(-1)?.endUs ?? run.toUs }
  return {
    featureSet, rows,
    facts: {
      site, family, ...span, commitNumber, labelVersion: labelVersion(exclusions), assets: [...new Set(rows.asset)].sort(),
      ...others.length > 0 && { sites: slices.map((each) => ({ site: each.site, commitNumber: each.commitNumber })) },
      featureSet: { name: featureSet.definition.name, version: featureSet.definition.version, digest: featureSet.digest },
      failures: slices.flatMap((each) => each.failures).sort((a, b) => a.atUs - b.atUs || (a.asset < b.asset ? -1 : 1)),
    },
  }
}

interface NamedWindow extends TrainingWindow { readonly asset: string }

/** What one site gives. */
interface SiteSlice {
  readonly site: string
  readonly featureSet: StoredFeatureSet
  readonly commitNumber: number
  readonly assets: number
  readonly windows: readonly NamedWindow[]
  readonly exclusions: readonly Exclusion[]
  readonly failures: Facts['failures']
}

/** One transaction, and the commit number is read first: later commits are not seen, whatever their rows do. */
async function slice(tx: Tx, { family, fromUs, toUs, assets: only }: SnapshotInput, featureSet: StoredFeatureSet): Promise<SiteSlice> {
  const commitNumber = await newestCommit(tx)
  const assets = await familyAssets(tx, family, only)
  const names = new Map(assets.map(({ assetRef, assetId }) => [assetRef, assetId]))
  const windows = await readTrainingWindows(tx, {
    featureSetRef: featureSet.featureSetRef, assetRefs: assets.map((a) => a.assetRef), fromUs, toUs, commitNumber, limit: MAX_WINDOWS,
  })
  const span = { fromUs: windows[0]?.startUs ?? fromUs, toUs: windows.at(-1)?.endUs ?? toUs }
  return {
    site: tx.site, featureSet, commitNumber, assets: assets.length,
    windows: windows.map((window) => ({ ...window, asset: names.get(window.assetRef) as string })),
    exclusions: await readExclusions(tx, assets, span, BEFORE_FAILURE_US),
    failures: [...await readFailures(tx, assets, { fromUs: span.fromUs, toUs: span.toUs + 1 })],
  }
}

/** Two sites may call their machines alike. */
function namedBySite(given: SiteSlice): SiteSlice {
  const named = <T extends { asset: string }>(each: T): T => ({ ...each, asset: `${given.site}/${each.asset}` })
  return { ...given, windows: given.windows.map(named), exclusions: given.exclusions.map(named), failures: given.failures.map(named) }
}

/** In the order of a dataset; the newest of them. */
function newest(windows: readonly NamedWindow[]): NamedWindow[] {
  return [...windows].sort((a, b) => a.endUs - b.endUs || (a.asset < b.asset ? -1 : a.asset > b.asset ? 1 : 0)).slice(-MAX_WINDOWS)
}

function toRows(windows: readonly NamedWindow[], features: readonly string[], find: ReturnType<typeof createExclusionFinder>): DatasetRows {
  const width = features.length
  const asset = windows.map((w) => w.asset)
  const excluded = windows.map((w, i) => find(asset[i] as string, w.startUs, w.endUs))
  const values = new Float64Array(windows.length * width)
  windows.forEach((w, i) => {
    if (w.values.length !== width) throw new Error(`a stored window has ${w.values.length} features, its set has ${width}`)
    values.set(w.values, i * width)
  })
  return {
    features, asset, excluded, values,
    startUs: Float64Array.from(windows, (w) => w.startUs),
    endUs: Float64Array.from(windows, (w) => w.endUs),
    revision: Float64Array.from(windows, (w) => w.revision),
    mode: windows.map((w) => w.mode),
    goodFraction: Float64Array.from(windows, (w) => w.goodFraction),
    part: splitByTime(windows.map((w, i) => ({ asset: asset[i] as string, startUs: w.startUs, endUs: w.endUs, excluded: excluded[i] !== null }))),
  }
}

function checkEnough(family: string, featureSet: StoredFeatureSet, rows: DatasetRows): void {
  const normal = rows.excluded.filter((reason) => reason === null).length
  if (normal >= MIN_NORMAL_WINDOWS) return
  const { name, version } = featureSet.definition
  refuse('insufficient_data', `family ${family} has ${normal} normal windows of feature set ${name} v${version} in this time `
    + `(${rows.asset.length - normal} more are under maintenance or faulty); training needs ${MIN_NORMAL_WINDOWS}: wait for more data, import history, `
    + 'or choose a longer period', { normal, excluded: rows.asset.length - normal, needed: MIN_NORMAL_WINDOWS })
}

