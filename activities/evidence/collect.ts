import { heartbeat } from '@temporalio/activity'
import { setImmediate as breathe } from 'node:timers/promises'
import { microsToIso } from '../../registry/domain/contract/time.ts'
import { backTest, type BackTest, type ScoredRow } from '../../registry/domain/evaluation/back-test.ts'
import type { CollectedEvidence } from '../../registry/services/open-gate.ts'
import { modelFacts, newestDrift, newestWindowEnd, type ModelFacts } from '../../registry/store/evidence.ts'
import { isSuppressed, outOfService, type OutOfService } from '../../registry/store/maintenance.ts'
import { readGate, type GateRow } from '../../registry/store/gates.ts'
import { featureSetDefinitions, releaseDefinitions, type FeatureSetDefinition, type ReleaseDefinition } from '../../registry/store/judging-definitions.ts'
import type { Pool } from '../../registry/store/pool.ts'
import { familyAssets, newestCommit, readFailures, readTrainingWindows, type FamilyAsset, type TrainingWindow } from '../../registry/store/training-windows.ts'
import { inSite, type Tx } from '../../registry/store/transaction.ts'
import type { ModelCache } from '../models/load-model.ts'
import { SCORING_BATCH } from '../models/model.ts'

export interface EvidenceDeps { readonly pool: Pool; readonly models: ModelCache; readonly nowUs: () => number }

/** The newest windows that both sides are compared on: enough for weeks of a few machines, scored within seconds. */
const WINDOWS = 20_000
/** The slice goes back at most this far from the newest window. */
const SPAN_US = 60 * 86_400_000_000

interface Side { readonly release: ReleaseDefinition; readonly set: FeatureSetDefinition; readonly facts: ModelFacts | null; readonly windows: readonly TrainingWindow[] }
interface Slice {
  readonly gate: GateRow
  readonly commitNumber: number
  readonly fromUs: number
  readonly toUs: number
  readonly assets: readonly FamilyAsset[]
  readonly failures: { asset: string; atUs: number }[]
  readonly stops: OutOfService
  readonly drift: Awaited<ReturnType<typeof newestDrift>>
  readonly candidate: Side
  readonly champion: Side | null
}

/** What approvers see: candidate and champion on the same recent windows, as known at one commit number. */
export function createEvidenceCollector(deps: EvidenceDeps): (gate: { site: string; gateId: string }) => Promise<CollectedEvidence> {
  return (gate) => collectEvidence(deps, gate, heartbeat)
}

/** The same outside of a workflow; `progress` is called while it goes on. */
export async function collectEvidence(
  deps: EvidenceDeps, { site, gateId }: { site: string; gateId: string }, progress: () => void = () => undefined,
): Promise<CollectedEvidence> {
  const slice = await inSite(deps.pool, site, (tx) => readSlice(tx, gateId))
  progress()
  const candidate = await judge(deps, slice, slice.candidate, progress)
  const champion = slice.champion && await judge(deps, slice, slice.champion, progress)
  const { gate, drift } = slice
  return {
    commitNumber: slice.commitNumber,
    body: {
      kind: gate.kind, family: gate.family, role: gate.role, scope: gate.scope,
      slice: { ...spanOf(slice), assets: slice.assets.map((a) => a.assetId), recordedFailures: slice.failures.length },
      coverage: coverage(slice),
      candidate: { ...describe(slice.candidate), backTest: candidate },
      champion: slice.champion && { ...describe(slice.champion), backTest: champion },
      changes: slice.champion ? changesOf(slice.candidate.release, slice.champion.release) : null,
      drift: drift && { report: drift.report, verdict: drift.verdict, release: drift.release, at: microsToIso(drift.atUs), drifted: drift.drifted },
    },
  }
}

/** Both sides, and what they are judged against, as of the same commit number: what commits meanwhile is not seen. */
async function readSlice(tx: Tx, gateId: string): Promise<Slice> {
  const gate = await readGate(tx, gateId)
  const commitNumber = await newestCommit(tx)
  const refs = [gate.releaseRef, ...gate.replacesReleaseRef === null ? [] : [gate.replacesReleaseRef]]
  const releases = new Map((await releaseDefinitions(tx, refs)).map((release) => [release.releaseRef, release]))
  const sets = new Map((await featureSetDefinitions(tx, [...releases.values()].map((r) => r.featureSetRef))).map((set) => [set.featureSetRef, set]))
  const release = releases.get(gate.releaseRef)
  if (!release) throw new Error(`release ${gate.releaseRef} of gate ${gateId} is gone`)
  const assets = await familyAssets(tx, gate.family, gate.scope.kind === 'asset' ? [gate.scope.id] : null)
  const assetRefs = assets.map((asset) => asset.assetRef)
  const toUs = await newestWindowEnd(tx, release.featureSetRef, assetRefs, commitNumber) ?? 0
  const fromUs = Math.max(0, toUs - SPAN_US)

  const side = async (definition: ReleaseDefinition): Promise<Side> => ({
    release: definition,
    set: sets.get(definition.featureSetRef) as FeatureSetDefinition,
    facts: await modelFacts(tx, definition.model.modelVersionRef),
    windows: await readTrainingWindows(tx, { featureSetRef: definition.featureSetRef, assetRefs, fromUs, toUs, commitNumber, limit: WINDOWS }),
  })
  const champion = gate.replacesReleaseRef === null ? undefined : releases.get(gate.replacesReleaseRef)
  const candidate = await side(release)
  const begins = candidate.windows[0]?.endUs ?? fromUs
  return {
    gate, commitNumber, assets, fromUs: begins, toUs,
    stops: await outOfService(tx, assetRefs),
    failures: await readFailures(tx, assets, { fromUs: begins, toUs: toUs + 1 }),
    drift: await newestDrift(tx, gate.family),
    candidate,
    champion: champion ? await side(champion) : null,
  }
}

async function judge(deps: EvidenceDeps, slice: Slice, side: Side, progress: () => void): Promise<BackTest> {
  const model = await deps.models.get(side.release.model.artifactKey, side.release.model.digest)
  const names = new Map(slice.assets.map((asset) => [asset.assetRef, asset.assetId]))
  const windows = side.windows.filter((window) => window.endUs >= slice.fromUs)
  const rows: ScoredRow[] = []
  const width = model.featureCount
  for (let from = 0; from < windows.length; from += SCORING_BATCH) {
    const part = windows.slice(from, from + SCORING_BATCH)
    const matrix = new Float64Array(width * part.length)
    part.forEach((window, i) => matrix.set(window.values, i * width))
    const { scores } = model.scoreRows(matrix, part.length)
    part.forEach((window, i) => rows.push({
      asset: names.get(window.assetRef) ?? String(window.assetRef), endUs: window.endUs, values: window.values, score: scores[i] as number,
      suppressed: isSuppressed(slice.stops, window),
    }))
    progress()
    await breathe()
  }
  return backTest({
    rows, featureNames: side.set.set.features.map((feature) => feature.name), calibration: side.release.calibration, policy: side.release.policy, failures: slice.failures,
  })
}

/** Nulls where nothing was measured yet. */
function spanOf({ candidate, fromUs, toUs }: Slice): { from: string | null; to: string | null } {
  return candidate.windows.length === 0 ? { from: null, to: null } : { from: microsToIso(fromUs), to: microsToIso(toUs) }
}

function coverage({ candidate, assets }: Slice): Record<string, unknown> {
  const byAsset = new Map<number, { windows: number; good: number }>()
  for (const window of candidate.windows) {
    const known = byAsset.get(window.assetRef) ?? { windows: 0, good: 0 }
    byAsset.set(window.assetRef, { windows: known.windows + 1, good: known.good + window.goodFraction })
  }
  const total = [...byAsset.values()].reduce((sum, { good }) => sum + good, 0)
  return {
    windows: candidate.windows.length,
    assetsWithData: byAsset.size,
    assetsWithout: assets.filter((asset) => !byAsset.has(asset.assetRef)).map((asset) => asset.assetId),
    meanGoodFraction: candidate.windows.length === 0 ? null : total / candidate.windows.length,
  }
}

const describe = ({ release, set, facts }: Side): Record<string, unknown> => ({
  release: release.releaseId, digest: release.digest, featureSet: { name: set.set.name, version: set.set.version, digest: set.digest },
  policy: { name: release.policy.name, version: release.policy.version }, trained: facts,
})

function changesOf(candidate: ReleaseDefinition, champion: ReleaseDefinition): Record<string, unknown> {
  return {
    model: candidate.model.modelVersionRef !== champion.model.modelVersionRef,
    featureSet: candidate.featureSetRef !== champion.featureSetRef,
    policy: candidate.policyRef === champion.policyRef ? null : { before: champion.policy.rules, after: candidate.policy.rules },
  }
}
