import { datasetManifestSchema, readReference, type DatasetManifest } from '../registry/artifacts/dataset.ts'
import { platformActor } from '../registry/domain/access/rights.ts'
import { otherSitesOf } from '../registry/domain/datasets/other-sites.ts'
import { createExclusionFinder } from '../registry/domain/datasets/exclusions.ts'
import { driftSettingsOf, type DriftSettings } from '../registry/domain/drift/settings.ts'
import { checkDrift, type DriftReport, type DriftVerdict, type FeatureDrift } from '../registry/domain/drift/verdict.ts'
import type { ServiceContext } from '../registry/services/context.ts'
import { startRetraining } from '../registry/services/retrain-model.ts'
import { findDataset } from '../registry/store/datasets.ts'
import { championOf, findDriftReportOfRun, insertDriftReport, lockRetraining, retrainingSince, type Champion } from '../registry/store/drift-reports.ts'
import { getFamily } from '../registry/store/families.ts'
import { lockRun } from '../registry/store/model-versions.ts'
import { announce } from '../registry/store/outbox.ts'
import { endOperation, reportProgress, type OperationOutcome } from '../registry/store/operations.ts'
import { familyAssets, newestCommit, readExclusions, readTrainingWindows } from '../registry/store/training-windows.ts'
import { inSite, type Tx } from '../registry/store/transaction.ts'

export interface MeasureDriftInput {
  readonly site: string
  readonly family: string
  /** Names the check: it reports once. */
  readonly runId: string
  readonly operationId: string | null
  readonly mayRetrain: boolean
}
/** `report` null: no champion is in force. */
export interface MeasuredDrift { readonly report: string | null; readonly verdict: DriftVerdict; readonly retraining: string | null }

/** The steps of `checkDrift`. */
export interface DriftActivities {
  measureDrift(input: MeasureDriftInput): Promise<MeasuredDrift>
  finishDriftCheck(input: { readonly site: string; readonly operationId: string; readonly outcome: OperationOutcome }): Promise<void>
}

export function createDriftActivities(deps: ServiceContext): DriftActivities {
  return {
    measureDrift: (input) => measureDrift(deps, input),
    finishDriftCheck: ({ site, operationId, outcome }) => inSite(deps.pool, site, async (tx) => { await endOperation(tx, operationId, outcome) }),
  }
}

/**
 * Compares the newest normal windows, as of the newest commit number, with the training data of the champion, feature by
 * feature, and keeps the verdict. Drift may start a retraining: in the same transaction, so that there is one for one
 * report. A run reports once.
 */
async function measureDrift(deps: ServiceContext, input: MeasureDriftInput): Promise<MeasuredDrift> {
  const { site, family, runId } = input
  const compared = await inSite(deps.pool, site, async (tx) => {
    if (input.operationId !== null) await reportProgress(tx, input.operationId, { step: 'measuring' })
    return collect(tx, site, family)
  })
  if (compared === undefined) return { report: null, verdict: 'insufficient_data', retraining: null }
  const { champion, settings, recent } = compared
  const reference = await readReference(deps.objects, compared.manifest)
  const { recentWindows: _w, everySeconds: _e, retrain: _r, retrainAfterSeconds: _a, ...thresholds } = settings
  const report = checkDrift(reference, recent.values, thresholds)

  return inSite(deps.pool, site, async (tx) => {
    await lockRun(tx, runId)
    const known = await findDriftReportOfRun(tx, runId)
    if (known) return { report: known.driftReportId, verdict: known.verdict, retraining: known.startedRetraining }
    const wanted = report.verdict === 'drift' && input.mayRetrain && settings.retrain
    const retraining = wanted ? await retrainOnce(tx, deps, input, report, compared) : null
    const id = await insertDriftReport(tx, {
      family, releaseRef: champion.releaseRef, commitNumber: compared.commitNumber, fromUs: recent.fromUs, toUs: recent.toUs,
      verdict: report.verdict, features: report.features, startedRetraining: retraining, runId,
      detail: { rows: report.rows, drifting: report.drifting, thresholds: report.thresholds },
    })
    if (report.verdict === 'drift') {
      const data = { report: id, family, release: champion.release, drifting: report.drifting.slice(0, 20), retraining }
      await announce(tx, { id: `drift/${id}`, type: 'drift.detected', atUs: deps.nowUs(), data })
    }
    return { report: id, verdict: report.verdict, retraining }
  })
}

interface Compared {
  readonly champion: Champion
  readonly settings: DriftSettings
  readonly manifest: DatasetManifest
  readonly commitNumber: number
  readonly recent: { readonly values: Float64Array; readonly fromUs: number; readonly toUs: number }
}

/** What is compared with what; undefined without a champion. */
async function collect(tx: Tx, site: string, family: string): Promise<Compared | undefined> {
  const commitNumber = await newestCommit(tx)
  const settings = driftSettingsOf(family, (await getFamily(tx, site, family)).drift)
  const champion = await championOf(tx, family)
  if (champion === undefined) return undefined
  const dataset = await findDataset(tx, champion.datasetId)
  if (dataset === undefined) throw new Error(`release ${champion.release} stands on dataset ${champion.datasetId}, which is not there`)
  const assets = await familyAssets(tx, family)
  const windows = await readTrainingWindows(tx, {
    featureSetRef: champion.featureSetRef, assetRefs: assets.map((a) => a.assetRef), fromUs: 0, toUs: Number.MAX_SAFE_INTEGER, commitNumber,
    limit: settings.recentWindows,
  })
  const span = { fromUs: windows[0]?.startUs ?? 0, toUs: windows.at(-1)?.endUs ?? 0 }
  // A machine under repair is no drift, and a known fault is the alerts' business.
  const find = createExclusionFinder(windows.length === 0 ? [] : await readExclusions(tx, assets, span, 0))
  const names = new Map(assets.map(({ assetRef, assetId }) => [assetRef, assetId]))
  const normal = windows.filter((w) => find(names.get(w.assetRef) as string, w.startUs, w.endUs) === null)
  return {
    champion, settings, commitNumber, manifest: datasetManifestSchema.parse(dataset.manifest),
    recent: { values: Float64Array.from(normal.flatMap((w) => w.values)), ...span },
  }
}

/**
 * Starts a retraining unless one runs, or drift or a person asked for one not long ago: then that one is meant. It learns
 * from this site and from those that the champion has learned from.
 */
async function retrainOnce(
  tx: Tx, deps: ServiceContext, { site, family }: MeasureDriftInput, report: DriftReport, { champion, settings, manifest }: Compared,
): Promise<string> {
  const nowUs = deps.nowUs()
  await lockRetraining(tx, site, family)
  const recent = await retrainingSince(tx, family, nowUs - settings.retrainAfterSeconds * 1_000_000)
  if (recent !== null) return recent
  const { operationId } = await startRetraining(tx, {
    actor: platformActor('drift'), nowUs,
    input: { site, family, reason: reasonOf(report, champion), assets: null, promote: true, sites: otherSitesOf(manifest, site, family) },
  })
  return operationId
}

/** e.g. `drift: 3 of 40 features moved since cooling-pumps-r2 was trained (vibration_rms: KS 0.61, PSI 2.10; …)`. */
function reasonOf(report: DriftReport, champion: Champion): string {
  const byName = new Map(report.features.map((feature) => [feature.feature, feature]))
  const worst = report.drifting.slice(0, 3).map((name) => {
    const { ks, psi } = byName.get(name) as FeatureDrift
    return `${name}: KS ${(ks ?? 0).toFixed(2)}, PSI ${(psi ?? 0).toFixed(2)}`
  })
  return `drift: ${report.drifting.length} of ${report.features.length} features moved since ${champion.release} was trained (${worst.join('; ')}`
    + `${report.drifting.length > worst.length ? '; …' : ''})`
}
