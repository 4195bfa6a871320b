import type { Lane } from '../../registry/domain/contract/batch.ts'
import { dueRanges } from '../../registry/domain/windows/due.ts'
import { laneStart, type WindowGrid, type WindowWait } from '../../registry/domain/windows/timing.ts'
import { foldWatermark } from '../../registry/domain/windows/watermark.ts'
import type { RoleTag } from '../../registry/domain/windows/window-readings.ts'
import {
  batchesBetween, lockLanes, progressAsOf, sourcesOf, startLanes, waitingBatches, type AssetLane, type AssetSource, type CommittedBatch,
} from '../../registry/store/asset-lanes.ts'
import { spansOfBatches } from '../../registry/store/batch-spans.ts'
import { tagsForRoles } from '../../registry/store/judging-definitions.ts'
import type { LateWindow } from '../../registry/store/late-windows.ts'
import { lastCommit, oldestOpenCommit } from '../../registry/store/site-progress.ts'
import type { Tx } from '../../registry/store/transaction.ts'
import type { Definitions, KnownFeatureSet } from './definitions.ts'
import type { Wanted } from './judges.ts'
import type { LanePlan } from './lane-plan.ts'
import { findLate } from './late.ts'

export interface ClosingPlan {
  readonly lanes: readonly LanePlan[]
  /** Lanes that nothing judges by any more, as they are to be written back. */
  readonly passive: readonly AssetLane[]
  /** Every batch in the fold by commit number. */
  readonly batches: ReadonlyMap<number, CommittedBatch>
  /** A backlog is larger than one transaction should take: plan and close again. */
  readonly more: boolean
  /** Windows that were closed before some of their readings came. */
  readonly late: readonly LateWindow[]
  /** Every lane of the assets, also those that nothing judges by any more: the newest decision may be theirs. */
  readonly locked: readonly AssetLane[]
}

/**
 * Locks the lanes and folds their watermarks forward over every batch committed since, whoever's closing it belongs to.
 * Lanes seen for the first time start with the oldest batch whose windows are still open. Lanes that nothing judges by
 * any more are folded along without windows, so that a roll back to them goes on from now.
 */
export async function planClosing(
  tx: Tx, site: string, wanted: readonly Wanted[], definitions: Definitions, tagsOf: ReadonlyMap<number, readonly RoleTag[]>, wait: WindowWait,
): Promise<ClosingPlan> {
  const assetRefs = [...new Set(wanted.map(({ place }) => place.assetRef))].sort((a, b) => a - b)
  const sources = await sourcesOf(tx, assetRefs)
  for (let attempt = 1; ; attempt++) {
    const locked = new Map((await lockLanes(tx, assetRefs)).map((lane) => [laneKey(lane.assetRef, lane.featureSetRef, lane.lane), lane]))
    const commit = await lastCommit(tx, site)
    const context: Context = { site, sources, tagsOf, commit, wait, sets: await definitions.featureSets(tx, [...locked.values()].map((lane) => lane.featureSetRef)) }
    const kinds = [...new Set(wanted.map(({ lane }) => lane))].sort()
    const parts: LaneKindPlan[] = []
    for (const kind of kinds) parts.push(await planKind(tx, kind, wanted.filter(({ lane }) => lane === kind), locked, context))
    if (!(await startLanes(tx, site, parts.flatMap(({ started }) => started)))) {
      // Somebody else started one between our look and our insert: its row is there now.
      if (attempt < 3) continue
      throw new Error('lanes keep being started by others; the closing is tried again')
    }
    const lanes = parts.flatMap((part) => part.lanes)
    const batches = parts.flatMap((part) => part.batches)
    return {
      lanes, more: parts.some((part) => part.more), passive: parts.flatMap((part) => part.passive), locked: [...locked.values()],
      batches: new Map(batches.map((batch) => [batch.commitNumber, batch])), late: await findLate(tx, lanes, batches),
    }
  }
}

interface Context {
  readonly site: string
  readonly sources: readonly AssetSource[]
  readonly tagsOf: ReadonlyMap<number, readonly RoleTag[]>
  readonly commit: number
  readonly wait: WindowWait
  readonly sets: ReadonlyMap<number, KnownFeatureSet>
}

interface LaneKindPlan {
  readonly lanes: readonly LanePlan[]
  readonly passive: readonly AssetLane[]
  readonly started: readonly AssetLane[]
  readonly batches: readonly CommittedBatch[]
  readonly more: boolean
}

/** Rows of new batches in one transaction: several groups of a dispatcher, and a bound on memory where a lane lags. */
const ROWS_AT_ONCE = 4_000_000

async function planKind(
  tx: Tx, kind: Lane, wanted: readonly Wanted[], locked: Map<string, AssetLane>, context: Context,
): Promise<LaneKindPlan> {
  const { site, wait } = context
  const keyOf = ({ place, set, lane }: Wanted): string => laneKey(place.assetRef, set.featureSetRef, lane)
  const names = [...new Set(context.sources.filter(({ lane }) => lane === kind).map(({ source }) => source))]
  const held = new Set(wanted.filter((want) => want.held).map(keyOf))
  const known = [...locked].filter(([key, { lane }]) => lane === kind && !held.has(key)).map(([, lane]) => lane)
  const behind = bounded(await batchesBetween(tx, site, kind, names, Math.min(context.commit, ...known.map((lane) => lane.closedCommit)), context.commit))
  const { more } = behind
  const commit = more ? (behind.batches.at(-1) as CommittedBatch).commitNumber : context.commit
  // New lanes start once the others have caught up, so that every slice of a backlog gets on.
  const fresh = more ? [] : wanted.filter((want) => !locked.has(keyOf(want)))
  const openFrom = fresh.length === 0 ? context.commit + 1 : await oldestOpenCommit(tx, site, names, context.commit)
  const open = openFrom > context.commit ? [] : await batchesBetween(tx, site, kind, names, openFrom - 1, context.commit)
  const batches = open.length > behind.batches.length ? open : behind.batches
  const started: AssetLane[] = []
  for (const want of fresh) {
    const lane = await startOf(tx, want, openFrom, open, context)
    if (lane === undefined) continue
    started.push(lane)
    locked.set(keyOf(want), lane)
  }
  const waiting = (await waitingBatches(tx, site)).filter(({ lane }) => lane === kind)
  const fold = (lane: AssetLane, grid: WindowGrid) => {
    const feeds = feedsOf(context.sources, lane.assetRef, kind)
    const folded = foldWatermark({
      states: lane.sources, feedsSince: feeds, waiting, idleTimeoutUs: wait.idleTimeoutUs,
      batches: batches.filter((batch) => batch.commitNumber > lane.closedCommit && feeds.has(batch.source)),
    })
    const due = dueRanges(grid, wait.latenessUs, lane.closedThroughUs, folded.steps)
    return { ...due, after: { ...lane, closedThroughUs: due.closedThroughUs, closedCommit: Math.max(commit, lane.closedCommit), sources: folded.states } }
  }
  const lanes = wanted.flatMap((want): LanePlan[] => {
    const lane = locked.get(keyOf(want))
    if (lane === undefined || want.held) return []
    const { ranges, positions, after } = fold(lane, want.set.set)
    const tags = tagsForRoles(context.tagsOf.get(want.place.assetRef) ?? [], want.set.roles)
    return [{ place: want.place, set: want.set, judges: want.judges, tags, lane, ranges, positions, after }]
  })
  const active = new Set(wanted.map(keyOf))
  const passive = known.filter((lane) => !active.has(laneKey(lane.assetRef, lane.featureSetRef, lane.lane)))
    .map((lane) => fold(lane, (context.sets.get(lane.featureSetRef) as KnownFeatureSet).set).after)
  return { lanes, passive, started, batches, more }
}

function bounded(batches: CommittedBatch[]): { batches: CommittedBatch[]; more: boolean } {
  let rows = 0
  const past = batches.findIndex(({ rowCount }, i) => (rows += rowCount) > ROWS_AT_ONCE && i > 0)
  return past < 0 ? { batches, more: false } : { batches: batches.slice(0, past), more: true }
}

/** The lane as it is just before the first batch that holds a reading of one of its roles; undefined while there is none. */
async function startOf(
  tx: Tx, want: Wanted, openFrom: number, batches: readonly CommittedBatch[], context: Context,
): Promise<AssetLane | undefined> {
  const feeds = feedsOf(context.sources, want.place.assetRef, want.lane)
  const tags = tagsForRoles(context.tagsOf.get(want.place.assetRef) ?? [], want.set.roles)
  const candidates = batches.filter((batch) => batch.commitNumber >= Math.max(openFrom, feeds.get(batch.source) ?? Infinity))
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

const feedsOf = (sources: readonly AssetSource[], assetRef: number, lane: Lane): Map<string, number> =>
  new Map(sources.filter((s) => s.assetRef === assetRef && s.lane === lane).map((s) => [s.source, s.firstCommit]))

const laneKey = (assetRef: number, featureSetRef: number, lane: Lane): string => `${assetRef} ${featureSetRef} ${lane}`
