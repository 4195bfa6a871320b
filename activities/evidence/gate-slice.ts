import type { AlertCosts } from '../../registry/domain/evaluation/alert-cost.ts'
import type { LabelledSpan } from '../../registry/domain/evaluation/compare-runs.ts'
import { readStoredSlice, type StoredSlice } from '../../registry/services/back-test/stored-slice.ts'
import { modelFacts, newestDrift, newestWindowEnd, type ModelFacts } from '../../registry/store/evidence.ts'
import { getFamily } from '../../registry/store/families.ts'
import { readGate, releaseGate, type ReleaseGate } from '../../registry/store/gates.ts'
import { featureSetDefinitions, releaseDefinitions, type FeatureSetDefinition, type ReleaseDefinition } from '../../registry/store/judging-definitions.ts'
import { acceptedLabels, assetsInScope, type SliceAsset } from '../../registry/store/judged-slice.ts'
import { outOfService, type OutOfService } from '../../registry/store/maintenance.ts'
import { newestCommit, readFailures, readTrainingWindows, type TrainingWindow } from '../../registry/store/training-windows.ts'
import type { Tx } from '../../registry/store/transaction.ts'

const DAY_US = 86_400_000_000
/** The newest windows that two models are compared on: enough for weeks of a few machines, scored within seconds. */
const WINDOWS = 20_000
/** Those go back at most this far from the newest window. */
const SPAN_US = 60 * DAY_US

/** `windows` are to be scored by the side's model; none where stored scores are judged. */
export interface Side { readonly release: ReleaseDefinition; readonly set: FeatureSetDefinition; readonly facts: ModelFacts; readonly windows: readonly TrainingWindow[] }

/** What a gate's evidence is made of: everything as of one commit number, so that what commits meanwhile is not seen. */
export interface GateSlice {
  readonly gate: ReleaseGate
  readonly commitNumber: number
  readonly fromUs: number
  readonly toUs: number
  readonly assets: readonly SliceAsset[]
  readonly failures: readonly { asset: string; atUs: number }[]
  readonly labels: readonly (LabelledSpan & { readonly id: string })[]
  readonly costs: AlertCosts
  readonly stops: OutOfService
  readonly drift: Awaited<ReturnType<typeof newestDrift>>
  readonly candidate: Side
  readonly champion: Side | null
  /** What the model that both share has said; null where models differ or nothing was stored. */
  readonly stored: StoredSlice | null
}

export async function readGateSlice(tx: Tx, gateId: string): Promise<GateSlice> {
  const gate = releaseGate(await readGate(tx, gateId))
  const commitNumber = await newestCommit(tx)
  const { candidate, champion } = await readSides(tx, gate)
  const { backTest } = (await getFamily(tx, gate.site, gate.family)).governance
  const assets = await assetsInScope(tx, gate.family, gate.scope)
  const assetRefs = assets.map((asset) => asset.assetRef)
  const { release, set } = candidate
  const stored = release.model.modelVersionRef !== champion?.release.model.modelVersionRef ? null : await readStoredSlice(tx, {
    assets, modelVersionRef: release.model.modelVersionRef, featureNames: set.set.features.map((feature) => feature.name),
    policies: [release.policy, champion.release.policy], spanUs: backTest.days * DAY_US, commitNumber,
  })
  const windowsOf = async (side: Side | null, fromUs: number, toUs: number): Promise<readonly TrainingWindow[]> => (side === null || stored !== null ? []
    : readTrainingWindows(tx, { featureSetRef: side.release.featureSetRef, assetRefs, fromUs, toUs, commitNumber, limit: WINDOWS }))
  const toUs = stored?.toUs ?? await newestWindowEnd(tx, release.featureSetRef, assetRefs, commitNumber) ?? 0
  const earliestUs = Math.max(0, toUs - SPAN_US)
  const windows = await windowsOf(candidate, earliestUs, toUs)
  const fromUs = stored?.fromUs ?? windows[0]?.endUs ?? earliestUs
  const span = { fromUs, toUs }
  return {
    gate, commitNumber, assets, ...span, stored, costs: backTest.costs,
    stops: await outOfService(tx, assetRefs),
    failures: await readFailures(tx, assets, { fromUs, toUs: toUs + 1 }),
    labels: await acceptedLabels(tx, assets, span),
    drift: await newestDrift(tx, gate.family),
    candidate: { ...candidate, windows },
    champion: champion && { ...champion, windows: await windowsOf(champion, earliestUs, toUs) },
  }
}

async function readSides(tx: Tx, gate: ReleaseGate): Promise<{ candidate: Side; champion: Side | null }> {
  const refs = [gate.releaseRef, ...gate.replacesReleaseRef === null ? [] : [gate.replacesReleaseRef]]
  const releases = new Map((await releaseDefinitions(tx, refs)).map((release) => [release.releaseRef, release]))
  const sets = new Map((await featureSetDefinitions(tx, [...releases.values()].map((r) => r.featureSetRef))).map((set) => [set.featureSetRef, set]))
  const side = async (releaseRef: number): Promise<Side> => {
    const release = releases.get(releaseRef)
    if (!release) throw new Error(`release ${releaseRef} of gate ${gate.gateId} is gone`)
    return { release, set: sets.get(release.featureSetRef) as FeatureSetDefinition, facts: await modelFacts(tx, release.model.modelVersionRef), windows: [] }
  }
  return { candidate: await side(gate.releaseRef), champion: gate.replacesReleaseRef === null ? null : await side(gate.replacesReleaseRef) }
}
