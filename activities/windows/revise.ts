import type { Mode } from '../../registry/domain/contract/batch.ts'
import type { RoleTag } from '../../registry/domain/windows/window-readings.ts'
import { lockLanes } from '../../registry/store/asset-lanes.ts'
import { findNewestRevision, type FeatureWindow } from '../../registry/store/feature-windows.ts'
import { roleTagsOf, tagsForRoles } from '../../registry/store/judging-definitions.ts'
import { quietAssets, takeQuietWindows, type LateWindow } from '../../registry/store/late-windows.ts'
import { loadChunks, type TagSpan } from '../../registry/store/chunks.ts'
import { placesOf, releasesInForce, type ReleaseRole } from '../../registry/store/releases-in-force.ts'
import { scoresOfWindow } from '../../registry/store/scores.ts'
import { batchFacts, lastCommit } from '../../registry/store/site-progress.ts'
import { inSite, type Tx } from '../../registry/store/transaction.ts'
import { loadWaveforms } from '../../registry/store/waveforms.ts'
import { waitOf } from './close.ts'
import type { KnownFeatureSet, KnownRelease } from './definitions.ts'
import type { WindowDeps } from './deps.ts'
import { computeWindow } from './features.ts'
import { scoreCases, type Case } from './judge.ts'
import { loadModels, type Judge } from './judges.ts'
import { persistOutcome } from './persist.ts'
import { createPulse } from './pulse.ts'

export interface Revising {
  /** Late windows taken off the list, and those of them whose features had changed. */
  readonly taken: number
  readonly revised: number
}

/** Windows of one transaction: enough to be quick, few enough to hold no lock for long. */
const AT_ONCE = 500
const ASSETS_AT_ONCE = 20

/**
 * Computes late windows anew as of now, once their asset had its quiet period. A window with other features than its
 * newest revision gets a further one, scored by the releases that scored it before. Revisions decide and page nothing.
 */
export async function reviseLateWindows(deps: WindowDeps, site: string): Promise<Revising> {
  const pulse = createPulse()
  return inSite(deps.pool, site, async (tx) => {
    const { revisionQuietUs } = await waitOf(tx, site)
    const assetRefs = await quietAssets(tx, site, revisionQuietUs, ASSETS_AT_ONCE)
    if (assetRefs.length === 0) return { taken: 0, revised: 0 }
    // Lanes before late windows, as in closing: so the two never wait for each other crosswise.
    await lockLanes(tx, assetRefs)
    const late = await takeQuietWindows(tx, site, assetRefs, revisionQuietUs, AT_ONCE)
    const commit = await lastCommit(tx, site)
    const sets = await deps.definitions.featureSets(tx, late.map(({ featureSetRef }) => featureSetRef))
    const tagsOf = await roleTagsOf(tx, assetRefs)
    const cases: Case[] = []
    for (const window of late) {
      const set = sets.get(window.featureSetRef) as KnownFeatureSet
      const revised = await reviseWindow(tx, window, set, tagsForRoles(tagsOf.get(window.assetRef) ?? [], set.roles), commit, deps)
      if (revised !== undefined) cases.push(revised)
      await pulse()
    }
    const verdicts = await scoreCases(cases, pulse)
    await persistOutcome(tx, site, {
      windows: cases.map(({ window }) => window), verdicts, tagsOf, runtimeDigest: deps.runtimeDigest(), nowUs: deps.nowUs(),
      placeOf: new Map((await placesOf(tx, assetRefs)).map((place) => [place.assetRef, place])),
    }, false)
    return { taken: late.length, revised: cases.length }
  })
}

async function reviseWindow(
  tx: Tx, { assetRef, featureSetRef, lane, endUs }: LateWindow, set: KnownFeatureSet, tags: readonly RoleTag[], commit: number, deps: WindowDeps,
): Promise<Case | undefined> {
  const spans = (kind: RoleTag['kind']): TagSpan[] => [...new Set(tags.filter((tag) => tag.kind === kind).map((tag) => tag.tagRef))]
    .map((tagRef) => ({ tagRef, fromUs: endUs - set.set.windowUs, toUs: endUs }))
  const known = { chunks: await loadChunks(tx, spans('scalar'), commit, deps.chunks), waveforms: await loadWaveforms(tx, spans('waveform'), commit) }
  const computed = computeWindow(set, tags, known, commit, endUs)
  const former = await findNewestRevision(tx, assetRef, featureSetRef, endUs)
  if (computed === undefined || (former !== undefined && sameBits(computed.values, former.values))) return undefined
  const newest = [...known.chunks.values(), ...known.waveforms.values()].flat().reduce((a, b) => (b.commitNumber > a.commitNumber ? b : a))
  const cause: { mode: Mode; traceId: string } = await batchFacts(tx, newest.batchId)
  const window: FeatureWindow = {
    // Revision 0 is what was closed in time; one made late is never 0, even where the window had been empty.
    ...computed, ...cause, assetRef, lane, revision: (former?.revision ?? 0) + 1,
  }
  return { window, set, judges: await formerJudges(tx, assetRef, featureSetRef, former?.windowId, deps) }
}

/** The window keeps the releases that were pinned when it was claimed; one that was never claimed gets those in force. */
async function formerJudges(tx: Tx, assetRef: number, featureSetRef: number, formerId: string | undefined, deps: WindowDeps): Promise<Judge[]> {
  const pinned: { releaseRef: number; role: ReleaseRole }[] = formerId === undefined
    ? await releasesInForce(tx, [assetRef]) : await scoresOfWindow(tx, formerId)
  const releases = await deps.definitions.releases(tx, pinned.map(({ releaseRef }) => releaseRef))
  const judging = pinned.map(({ releaseRef, role }) => ({ role, release: releases.get(releaseRef) as KnownRelease }))
    .filter(({ release }) => release.featureSetRef === featureSetRef)
  const { loaded } = await loadModels(judging, deps.models)
  return judging.flatMap(({ role, release }) => {
    const model = loaded.get(release.releaseRef)
    return model === undefined ? [] : [{ role, release, model }]
  })
}

/** NaN equals NaN here, and 0 differs from −0: what is compared is what was stored. */
const sameBits = (a: Float64Array, b: Float64Array): boolean => a.length === b.length && a.every((value, i) => Object.is(value, b[i]))
