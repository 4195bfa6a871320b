import type { Lane } from '../../registry/domain/contract/batch.ts'
import { isDecisionState, type DecisionState } from '../../registry/domain/policy/decide.ts'
import { newestState } from '../../registry/domain/windows/decide-window.ts'
import { lockLanes, type AssetLane } from '../../registry/store/asset-lanes.ts'
import { findFeatureWindows, type FeatureWindow, type StoredFeatureWindow } from '../../registry/store/feature-windows.ts'
import { roleTagsOf, tagsForRoles } from '../../registry/store/judging-definitions.ts'
import { isSuppressed, outOfService } from '../../registry/store/maintenance.ts'
import { placesOf } from '../../registry/store/releases-in-force.ts'
import { decidedKey, decidedSuppressed, foldBefore, nextEnds } from '../../registry/store/rescore-windows.ts'
import { advancePart, lockPart, type Rescore, type RescorePart } from '../../registry/store/rescores.ts'
import type { Tx } from '../../registry/store/transaction.ts'
import type { KnownFeatureSet, KnownRelease } from '../windows/definitions.ts'
import type { WindowDeps } from '../windows/deps.ts'
import { decideInOrder, scoreCases, type Verdict } from '../windows/judge.ts'
import { persistOutcome } from '../windows/persist.ts'
import type { Pulse } from '../windows/pulse.ts'
import { measureMissing } from './measure-missing.ts'

/** Windows of one transaction: enough to be quick, few enough to keep the machine's lanes from closing only for a moment. */
export const SLICE = 500

const LANES: readonly Lane[] = ['live', 'backfill']

/**
 * Judges the next windows of one machine anew and writes them as further revisions, with how far that came, in one
 * transaction: done again after a crash, it goes on where the last one committed. Raises nothing and leaves the lanes as
 * they are. Says whether the machine is done.
 */
export async function rescoreSlice(tx: Tx, deps: WindowDeps, rescore: Rescore, assetRef: number, pulse: Pulse): Promise<{ ended: boolean }> {
  const { rescoreRef, throughUs } = rescore
  const part = await lockPart(tx, rescoreRef, assetRef)
  if (part === undefined) throw new Error(`asset ${assetRef} is no part of rescore ${rescore.operationId}`)
  if (part.ended) return { ended: true }
  // As closing and late revisions do: whoever numbers revisions of a machine holds its lanes.
  const lanes = await lockLanes(tx, [assetRef])
  const release = (await deps.definitions.releases(tx, [part.releaseRef])).get(part.releaseRef) as KnownRelease
  const sets = await deps.definitions.featureSets(tx, [release.featureSetRef, ...lanes.map((lane) => lane.featureSetRef)])
  const set = sets.get(release.featureSetRef) as KnownFeatureSet
  const ends = await nextEnds(tx, {
    assetRef, featureSetRefs: [...new Set([set.featureSetRef, ...lanes.map((lane) => lane.featureSetRef)])], wantedSetRef: set.featureSetRef,
    afterUs: part.doneThroughUs, throughUs, limit: SLICE,
  })
  const tagsOf = await roleTagsOf(tx, [assetRef])
  const stored = await findFeatureWindows(tx, ends.flatMap(({ windowId }) => windowId ?? []))
  const missing = await measureMissing(tx, {
    assetRef, set, sets, tags: tagsForRoles(tagsOf.get(assetRef) ?? [], set.roles), ends, afterUs: part.doneThroughUs, lanes, chunks: deps.chunks,
  }, pulse)
  const revisions = new Map(ends.map(({ endUs, revision }) => [endUs, revision]))
  const windows = [
    ...ends.flatMap(({ windowId }) => (windowId === null ? [] : again(stored.get(windowId) as StoredFeatureWindow))),
    ...missing,
  ].map((window): FeatureWindow => ({ ...window, revision: (revisions.get(window.endUs) ?? 0) + 1 })).sort((a, b) => a.endUs - b.endUs)
  const model = await deps.models.get(release.model.artifactKey, release.model.digest)
  const verdicts = await scoreCases(windows.map((window) => ({ window, set, judges: [{ role: 'champion', release, model }] })), pulse)
  await markSuppressed(tx, assetRef, verdicts)
  const fold = await decideByLane(tx, rescore, part, lanes, verdicts)
  const doneThroughUs = ends.length < SLICE ? throughUs : (ends.at(-1) as { endUs: number }).endUs
  await persistOutcome(tx, tx.site, {
    windows, verdicts, tagsOf, runtimeDigest: deps.runtimeDigest(), nowUs: deps.nowUs(), rescore: { rescoreRef, operation: rescore.operationId },
    placeOf: new Map((await placesOf(tx, [assetRef])).map((place) => [place.assetRef, place])),
  }, false)
  const ended = doneThroughUs >= throughUs
  await advancePart(tx, rescoreRef, assetRef, { doneThroughUs, fold, lookedAt: ends.length, written: windows.length, ended })
  return { ended }
}

/** The same features of the same knowledge: what is made anew is the judgement. */
function again({ windowId: _id, site: _site, ...window }: StoredFeatureWindow): FeatureWindow {
  return window
}

/** What was planned when a window was decided counts, as it did then; for one that decided nothing, what is known now. */
async function markSuppressed(tx: Tx, assetRef: number, verdicts: readonly Verdict[]): Promise<void> {
  const [first, last] = [verdicts[0], verdicts.at(-1)]
  if (first === undefined || last === undefined) return
  const decided = await decidedSuppressed(tx, assetRef, first.window.endUs - 1, last.window.endUs)
  const stops = await outOfService(tx, [assetRef])
  for (const verdict of verdicts) {
    verdict.suppressed = decided.get(decidedKey(verdict.window.lane, verdict.window.endUs)) ?? isSuppressed(stops, verdict.window)
  }
}

/** Folds each lane on from where its last slice left the rules; the first one from where they stood then, before the time began. */
async function decideByLane(tx: Tx, rescore: Rescore, part: RescorePart, lanes: readonly AssetLane[], verdicts: readonly Verdict[]): Promise<RescorePart['fold']> {
  const fold = { ...part.fold }
  for (const lane of LANES) {
    const mine = verdicts.filter(({ window }) => window.lane === lane)
    if (mine.length === 0) continue
    const known = lane in fold ? fold[lane] : await stateThen(tx, rescore, part.assetRef, lane, lanes)
    fold[lane] = decideInOrder(mine, isDecisionState(known) ? known : null)
  }
  return fold
}

async function stateThen(tx: Tx, { afterUs, throughUs }: Rescore, assetRef: number, lane: Lane, lanes: readonly AssetLane[]): Promise<DecisionState | null> {
  const before = await foldBefore(tx, assetRef, lane, afterUs, throughUs)
  if (before !== undefined) return isDecisionState(before.state) ? before.state : null
  const newest = newestState(lanes.filter((each) => each.lane === lane).map(({ foldState }) => foldState))
  return newest !== null && (newest.lastWindowEndUs ?? Infinity) <= afterUs ? newest : null
}
