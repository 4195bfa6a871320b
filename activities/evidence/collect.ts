import { heartbeat } from '@temporalio/activity'
import { canonicalDigest } from '../../registry/domain/canonical.ts'
import { microsToIso } from '../../registry/domain/contract/time.ts'
import { runBackTest, summarise, type BackTestRun } from '../../registry/domain/evaluation/back-test.ts'
import { compareRuns } from '../../registry/domain/evaluation/compare-runs.ts'
import type { AssetSeries } from '../../registry/domain/evaluation/fold-columns.ts'
import type { CollectedEvidence } from '../../registry/services/gates/open-gate.ts'
import type { GateEvidence } from '../../registry/services/read/gate-evidence.ts'
import type { ReplayDeps } from '../../registry/services/replay/replay-score.ts'
import { linkChanges } from '../../registry/services/back-test/stored-slice.ts'
import { goodFractions } from '../../registry/store/evidence.ts'
import type { ReleaseDefinition } from '../../registry/store/judging-definitions.ts'
import type { Pool } from '../../registry/store/pool.ts'
import { inSite, type Tx } from '../../registry/store/transaction.ts'
import type { ModelCache } from '../models/load-model.ts'
import { computeSeries } from './compute-series.ts'
import { readGateSlice, type GateSlice, type Side } from './gate-slice.ts'
import { replayCheck, replaySample } from './replay-check.ts'

export interface EvidenceDeps extends Pick<ReplayDeps, 'scorer' | 'nowUs'> { readonly pool: Pool; readonly models: ModelCache }

/** Changes of each kind that evidence names one by one; their counts are whole. */
const LISTED = 300

/** What approvers see: candidate and champion on the same recent windows, as known at one commit number. */
export function createEvidenceCollector(deps: EvidenceDeps): (gate: { site: string; gateId: string }) => Promise<CollectedEvidence> {
  return (gate) => collectEvidence(deps, gate, heartbeat)
}

/** The same outside of a workflow; `progress` is called while it goes on. */
export async function collectEvidence(
  deps: EvidenceDeps, { site, gateId }: { site: string; gateId: string }, progress: () => void = () => undefined,
): Promise<CollectedEvidence> {
  // One look at the store for all of it: what commits meanwhile, is labelled or packed, is not seen by a part of the figures.
  const { sample, commitNumber, body } = await inSite(deps.pool, site, async (tx) => {
    const slice = await readGateSlice(tx, gateId)
    progress()
    return frozen(tx, slice, await judge(deps, slice, progress))
  }, { snapshot: true })
  // A replay that fails is written down, so these have transactions of their own.
  return { commitNumber, body: { ...body, replay: await replayCheck(deps, { site, gateId }, sample, progress) satisfies GateEvidence['replay'] } }
}

/** What the approvers see, but for the replays of `sample`. */
async function frozen(tx: Tx, slice: GateSlice, judged: Judged): Promise<CollectedEvidence & { sample: string[] }> {
  const { gate, drift, labels, failures, champion, commitNumber } = slice
  const series = judged.candidate.series
  const replayed = champion?.release ?? slice.candidate.release
  return {
    commitNumber, sample: await replaySample(tx, replayed.model.modelVersionRef, slice.assets, judged.champion?.series ?? series),
    body: {
      kind: gate.kind, family: gate.family, role: gate.role, scope: gate.scope,
      slice: { ...spanOf(slice, series), assets: slice.assets.map((a) => a.assetId), recordedFailures: failures.length },
      scores: judged.stored ? 'stored' : 'computed',
      coverage: await coverage(tx, slice, series),
      judgedAgainst: { failures: failures.length, labels: labels.length, digest: canonicalDigest({ failures, labels }) },
      candidate: { ...describe(slice.candidate), backTest: summarise(judged.candidate.run, series) },
      champion: champion && judged.champion && { ...describe(champion), backTest: summarise(judged.champion.run, judged.champion.series) },
      comparison: await compare(tx, slice, judged),
      changes: champion ? changesOf(slice.candidate.release, champion.release) : null,
      drift: drift && { report: drift.report, verdict: drift.verdict, release: drift.release, at: microsToIso(drift.atUs), drifted: drift.drifted },
    } satisfies GateEvidence & Record<string, unknown>,
  }
}

interface JudgedSide { readonly series: readonly AssetSeries[]; readonly run: BackTestRun }
interface Judged { readonly stored: boolean; readonly candidate: JudgedSide; readonly champion: JudgedSide | null }

/**
 * A change of policy alone is judged by what the model said then, as it was stored, which no model need repeat. Where it
 * has said nothing yet (a release put in force a moment ago), and for another model, stored windows are scored now.
 */
async function judge(deps: EvidenceDeps, slice: GateSlice, progress: () => void): Promise<Judged> {
  const run = (side: Side, series: readonly AssetSeries[]): JudgedSide => (
    { series, run: runBackTest({ series, policy: side.release.policy, failures: slice.failures }) })
  const { stored, champion } = slice
  if (stored) return { stored: true, candidate: run(slice.candidate, stored.series), champion: champion && run(champion, stored.series) }
  const computed = async (side: Side) => run(side, await computeSeries({
    models: deps.models, release: side.release, set: side.set, assets: slice.assets, stops: slice.stops, progress,
    windows: side.windows.filter((window) => window.endUs >= slice.fromUs),
  }))
  return { stored: false, candidate: await computed(slice.candidate), champion: champion && await computed(champion) }
}

async function compare(tx: Tx, slice: GateSlice, { candidate, champion }: Judged) {
  if (slice.champion === null || champion === null) return null
  const models = { before: slice.champion.release.model.modelVersionRef, after: slice.candidate.release.model.modelVersionRef }
  const comparison = compareRuns(champion.run, candidate.run, {
    span: slice, owners: new Map(slice.assets.map(({ assetId, owner }) => [assetId, owner])), labels: slice.labels, costs: slice.costs, listed: LISTED,
  })
  return linkChanges(tx, comparison, slice.assets, models)
}

/** Nulls where nothing was measured yet. */
function spanOf({ fromUs, toUs }: GateSlice, series: readonly AssetSeries[]): { from: string | null; to: string | null } {
  return series.length === 0 ? { from: null, to: null } : { from: microsToIso(fromUs), to: microsToIso(toUs) }
}

/** How much of the slice was measured at all: windows there are, of those that the time has room for. */
async function coverage(tx: Tx, { candidate, assets, fromUs, toUs, commitNumber }: GateSlice, series: readonly AssetSeries[]) {
  const windows = series.reduce((sum, { columns }) => sum + columns.endUs.length, 0)
  const withData = new Set(series.map(({ asset }) => asset))
  const possible = assets.length * (Math.floor((toUs - fromUs) / candidate.set.set.hopUs) + 1)
  const good = await goodFractions(tx, {
    featureSetRef: candidate.release.featureSetRef, assetRefs: assets.map(({ assetRef }) => assetRef), fromUs, toUs, commitNumber,
  })
  return {
    windows, windowsPossible: windows === 0 ? null : possible,
    assetsWithData: withData.size, assetsWithout: assets.filter(({ assetId }) => !withData.has(assetId)).map(({ assetId }) => assetId),
    meanGoodFraction: windows === 0 ? null : good,
  }
}

const describe = ({ release, set, facts }: Side) => ({
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
