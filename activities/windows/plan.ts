import type { Lane } from '../../registry/domain/contract/batch.ts'
import { dueRanges, type DueRange, type LanePosition } from '../../registry/domain/windows/due.ts'
import { laneStart, type WindowWait } from '../../registry/domain/windows/timing.ts'
import { foldWatermark } from '../../registry/domain/windows/watermark.ts'
import type { RoleTag } from '../../registry/domain/windows/window-readings.ts'
import {
  batchesAfter, lockLanes, progressAsOf, sourcesOf, startLanes, waitingBatches, type AssetLane, type AssetSource, type CommittedBatch,
} from '../../registry/store/asset-lanes.ts'
import { spansOfBatches } from '../../registry/store/batch-spans.ts'
import { tagsForRoles } from '../../registry/store/judging-definitions.ts'
import type { LateWindow } from '../../registry/store/late-windows.ts'
import { lastCommit, oldestOpenCommit } from '../../registry/store/site-progress.ts'
import type { AssetPlace } from '../../registry/store/releases-in-force.ts'
import type { Tx } from '../../registry/store/transaction.ts'
import type { KnownFeatureSet } from './definitions.ts'
import type { Judge, Wanted } from './judges.ts'
import { findLate } from './late.ts'

/** One asset measured by one feature set in one lane: what of it is due, and who judges it. */
export interface LanePlan {
  readonly place: AssetPlace
  readonly set: KnownFeatureSet
  /** The asset's tags in the set's roles. */
  readonly tags: readonly RoleTag[]
  readonly judges: readonly Judge[]
  readonly lane: AssetLane
  readonly ranges: readonly DueRange[]
  readonly positions: readonly LanePosition[]
  /** The lane as it stands when all ranges are closed. */
  readonly after: AssetLane
}

export interface ClosingPlan {
  readonly lanes: readonly LanePlan[]
  /** Every batch in the fold by commit number. */
  readonly batches: ReadonlyMap<number, CommittedBatch>
  /** Windows that were closed before some of their readings came. */
  readonly late: readonly LateWindow[]
  /** Every lane of the assets, also those that nothing judges by any more: the newest decision may be theirs. */
  readonly locked: readonly AssetLane[]
}

/**
 * Locks the lanes and folds their watermarks forward over every batch committed since, whoever's closing it belongs to.
 * Lanes seen for the first time start with the oldest batch whose windows are still open.
 */
export async function planClosing(
  tx: Tx, site: string, wanted: readonly Wanted[], tagsOf: ReadonlyMap<number, readonly RoleTag[]>, wait: WindowWait,
): Promise<ClosingPlan> {
  const assetRefs = [...new Set(wanted.map(({ place }) => place.assetRef))].sort((a, b) => a - b)
  const sources = await sourcesOf(tx, assetRefs)
  for (let attempt = 1; ; attempt++) {
    const locked = new Map((await lockLanes(tx, assetRefs)).map((lane) => [laneKey(lane.assetRef, lane.featureSetRef, lane.lane), lane]))
    const commit = await lastCommit(tx, site)
    const names = [...new Set(sources.map(({ source }) => source))]
    const isNew = (want: Wanted) => !locked.has(laneKey(want.place.assetRef, want.set.featureSetRef, want.lane))
    const fresh = wanted.filter(isNew)
    const openFrom = fresh.length === 0 ? commit + 1 : await oldestOpenCommit(tx, site, names, commit)
    const lowest = Math.min(openFrom - 1, ...[...locked.values()].map((lane) => lane.closedCommit))
    const batches = (await batchesAfter(tx, site, names, lowest)).filter((batch) => batch.commitNumber <= commit)
    const context = { site, sources, tagsOf, batches }
    const started: AssetLane[] = []
    for (const want of fresh) {
      const lane = await startOf(tx, want, openFrom, context)
      if (lane !== undefined) started.push(lane)
    }
    if (!(await startLanes(tx, site, started))) {
      // Somebody else started one between our look and our insert: its row is there now.
      if (attempt < 3) continue
      throw new Error('lanes keep being started by others; the closing is tried again')
    }
    for (const lane of started) locked.set(laneKey(lane.assetRef, lane.featureSetRef, lane.lane), lane)
    const waiting = await waitingBatches(tx, site)
    const lanes = wanted.flatMap((want) => {
      const lane = locked.get(laneKey(want.place.assetRef, want.set.featureSetRef, want.lane))
      return lane === undefined || want.held ? [] : [planLane(want, lane, commit, waiting, wait, context)]
    })
    return {
      lanes, locked: [...locked.values()], batches: new Map(batches.map((batch) => [batch.commitNumber, batch])),
      late: await findLate(tx, lanes, batches),
    }
  }
}

interface Context {
  site: string
  sources: readonly AssetSource[]
  tagsOf: ReadonlyMap<number, readonly RoleTag[]>
  batches: readonly CommittedBatch[]
}

function planLane(
  want: Wanted, lane: AssetLane, commit: number, waiting: Awaited<ReturnType<typeof waitingBatches>>, wait: WindowWait, context: Context,
): LanePlan {
  const feeds = feedsOf(context.sources, want)
  const folded = foldWatermark({
    states: lane.sources,
    batches: context.batches.filter((batch) => batch.lane === want.lane && batch.commitNumber > lane.closedCommit && feeds.has(batch.source)),
    feedsSince: feeds,
    waiting: waiting.filter((batch) => batch.lane === want.lane),
    idleTimeoutUs: wait.idleTimeoutUs,
  })
  const due = dueRanges(want.set.set, wait.latenessUs, lane.closedThroughUs, folded.steps)
  return {
    place: want.place, set: want.set, judges: want.judges, lane, ranges: due.ranges, positions: due.positions,
    tags: tagsForRoles(context.tagsOf.get(want.place.assetRef) ?? [], want.set.roles),
    after: { ...lane, closedThroughUs: due.closedThroughUs, closedCommit: commit, sources: folded.states },
  }
}

/** The lane as it is just before the first batch that holds a reading of one of its roles; undefined while there is none. */
async function startOf(tx: Tx, want: Wanted, openFrom: number, context: Context): Promise<AssetLane | undefined> {
  const feeds = feedsOf(context.sources, want)
  const tags = tagsForRoles(context.tagsOf.get(want.place.assetRef) ?? [], want.set.roles)
  const candidates = context.batches.filter((batch) =>
    batch.lane === want.lane && batch.commitNumber >= Math.max(openFrom, feeds.get(batch.source) ?? Infinity))
  for (const batch of candidates) {
    const spans = batch.firstUs === null || batch.lastUs === null ? []
      : await spansOfBatches(tx, [{ batchId: batch.batchId, fromUs: batch.firstUs, beforeUs: batch.lastUs + 1 }], tags.map((tag) => tag.tagRef))
    if (spans.length === 0) continue
    const firstUs = Math.min(...spans.map((span) => span.fromUs))
    const before = batch.commitNumber - 1
    const earlier = [...feeds].filter(([, since]) => since <= before).map(([source]) => source)
    return {
      assetRef: want.place.assetRef, featureSetRef: want.set.featureSetRef, lane: want.lane, foldState: {}, closedCommit: before,
      openedCommit: batch.commitNumber,
      closedThroughUs: laneStart(want.set.set, firstUs),
      sources: Object.fromEntries(await progressAsOf(tx, context.site, want.lane, earlier, before)),
    }
  }
  return undefined
}

const feedsOf = (sources: readonly AssetSource[], { place, lane }: Wanted): Map<string, number> =>
  new Map(sources.filter((s) => s.assetRef === place.assetRef && s.lane === lane).map((s) => [s.source, s.firstCommit]))

const laneKey = (assetRef: number, featureSetRef: number, lane: Lane): string => `${assetRef} ${featureSetRef} ${lane}`
