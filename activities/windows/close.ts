import type { Lane } from '../../registry/domain/contract/batch.ts'
import { newestState } from '../../registry/domain/windows/decide-window.ts'
import { windowWaitSchema, type WindowWait } from '../../registry/domain/windows/timing.ts'
import { assetsFedBy, markWindowsClosed, saveLanes, type AssetLane } from '../../registry/store/asset-lanes.ts'
import { newestRevisions, revisionKey } from '../../registry/store/feature-windows.ts'
import { roleTagsOf } from '../../registry/store/judging-definitions.ts'
import { isSuppressed, outOfService } from '../../registry/store/maintenance.ts'
import { noteLateWindows } from '../../registry/store/late-windows.ts'
import { announce } from '../../registry/store/outbox.ts'
import { siteSettings } from '../../registry/store/site-progress.ts'
import { inSite, type Tx } from '../../registry/store/transaction.ts'
import type { WindowDeps } from './deps.ts'
import { computeDueWindows } from './features.ts'
import { decideInOrder, scoreCases, type Case, type Verdict } from './judge.ts'
import { findWanted, type RefusedRelease } from './judges.ts'
import { persistOutcome } from './persist.ts'
import type { LanePlan } from './lane-plan.ts'
import { planClosing, type ClosingPlan } from './plan.ts'
import { createPulse, type Pulse } from './pulse.ts'
import { gatherReadings } from './readings.ts'

export interface Closing {
  readonly windows: number
  readonly scores: number
  readonly late: number
  /** Releases whose model was refused; a champion's windows stay open until it is put right. */
  readonly refused: readonly RefusedRelease[]
}

/**
 * Closes every window that these committed batches, or any since the last closing, made due, in one transaction:
 * features as of the commit that made the window due, scores, decisions in window order, and what follows from them.
 * Safe to repeat: what is closed stays so.
 */
export async function closeDueWindows(deps: WindowDeps, site: string, batchIds: readonly string[]): Promise<Closing> {
  const pulse = createPulse()
  let total: Closing = { windows: 0, scores: 0, late: 0, refused: [] }
  for (let more = true; more;) {
    const slice = await closeSlice(deps, site, batchIds, pulse)
    more = slice.more
    total = { windows: total.windows + slice.windows, scores: total.scores + slice.scores, late: total.late + slice.late, refused: slice.refused }
  }
  return total
}

/** One transaction of it: everything in the usual case, a bounded part of a lane's backlog else. */
async function closeSlice(deps: WindowDeps, site: string, batchIds: readonly string[], pulse: Pulse): Promise<Closing & { more: boolean }> {
  return inSite(deps.pool, site, async (tx) => {
    const fed = await assetsFedBy(tx, site, batchIds)
    const { wanted, refused } = await findWanted(tx, fed, deps.definitions, deps.models)
    await announceRefusals(tx, refused, deps.nowUs())
    const tagsOf = await roleTagsOf(tx, [...new Set(wanted.map(({ place }) => place.assetRef))])
    const plan = await planClosing(tx, site, wanted, deps.definitions, tagsOf, await waitOf(tx, site))
    const cases = await computeCases(tx, plan, deps, pulse)
    const verdicts = await scoreCases(cases, pulse)
    await markSuppressed(tx, verdicts)
    const lanes = decideLanes(plan, verdicts)
    await persistOutcome(tx, site, {
      windows: cases.map(({ window }) => window), verdicts, tagsOf, runtimeDigest: deps.runtimeDigest(), nowUs: deps.nowUs(),
      placeOf: new Map(wanted.map(({ place }) => [place.assetRef, place])),
    }, true)
    await saveLanes(tx, [...lanes, ...plan.passive])
    await noteLateWindows(tx, site, plan.late)
    if (!plan.more) await markWindowsClosed(tx, site, batchIds)
    return { windows: cases.length, scores: verdicts.length, late: plan.late.length, refused, more: plan.more }
  })
}

const DAY_US = 86_400_000_000

/** A release that cannot judge is news, once a day for as long as it lasts. */
async function announceRefusals(tx: Tx, refused: readonly RefusedRelease[], nowUs: number): Promise<void> {
  for (const { release, role, refusal } of refused) {
    await announce(tx, {
      id: `release-refused/${release.releaseId}/${Math.floor(nowUs / DAY_US)}`, type: 'release.refused', atUs: nowUs,
      data: { release: release.releaseId, role, code: refusal.code, message: refusal.message, windowsHeld: role === 'champion' },
    })
  }
}

/** How long this site's windows wait: `settings.windows` over the defaults. */
export async function waitOf(tx: Tx, site: string): Promise<WindowWait> {
  const { windows } = await siteSettings(tx, site)
  return windowWaitSchema.parse(windows ?? {})
}

async function computeCases(tx: Tx, plan: ClosingPlan, deps: WindowDeps, pulse: Pulse): Promise<Case[]> {
  const cases: Case[] = []
  // Lane by lane: a backfill lies years before the live windows, and one interval around both would read all between.
  for (const lane of ['live', 'backfill'] as const) {
    const due = plan.lanes.filter((planned) => planned.lane.lane === lane && planned.ranges.length > 0)
    if (due.length === 0) continue
    const known = await gatherReadings(tx, due, deps.chunks)
    for (const planned of due) {
      const windows = await computeDueWindows(planned, known, plan.batches, pulse)
      cases.push(...windows.map((window): Case => ({ window, set: planned.set, judges: planned.judges })))
    }
  }
  return numberRevisions(tx, plan, cases)
}

/** A window that the other lane has already closed gets the next revision; nearly always there is none. */
async function numberRevisions(tx: Tx, plan: ClosingPlan, cases: readonly Case[]): Promise<Case[]> {
  const newest = new Map<number, Map<string, number>>()
  for (const featureSetRef of new Set(cases.map(({ window }) => window.featureSetRef))) {
    const spans = plan.lanes.filter(({ lane, ranges }) => lane.featureSetRef === featureSetRef && ranges.length > 0)
      .map(({ lane, after }) => ({ assetRef: lane.assetRef, afterUs: lane.closedThroughUs, throughUs: after.closedThroughUs }))
    newest.set(featureSetRef, await newestRevisions(tx, featureSetRef, spans))
  }
  // Both lanes may close the same window in this very transaction, so each number given is remembered.
  return cases.map((at) => {
    const known = newest.get(at.window.featureSetRef) as Map<string, number>
    const key = revisionKey(at.window.assetRef, at.window.endUs)
    const revision = (known.get(key) ?? -1) + 1
    known.set(key, revision)
    return revision === 0 ? at : { ...at, window: { ...at.window, revision } }
  })
}

/** What was planned when the window closed counts; a stop recorded later changes no decision that was made. */
async function markSuppressed(tx: Tx, verdicts: readonly Verdict[]): Promise<void> {
  const stops = await outOfService(tx, [...new Set(verdicts.map(({ window }) => window.assetRef))])
  for (const verdict of verdicts) verdict.suppressed = isSuppressed(stops, verdict.window)
}

/** Folds the champions' verdicts and gives the lanes as they are to be written back. */
function decideLanes(plan: ClosingPlan, verdicts: readonly Verdict[]): AssetLane[] {
  const byLane = new Map<string, Verdict[]>()
  for (const verdict of verdicts) {
    if (verdict.judge.role !== 'champion') continue
    const key = streamKey(verdict.window.assetRef, verdict.window.lane, verdict.window.featureSetRef)
    const group = byLane.get(key)
    if (group === undefined) byLane.set(key, [verdict])
    else group.push(verdict)
  }
  return plan.lanes.map(({ after, lane }: LanePlan) => {
    const mine = byLane.get(streamKey(lane.assetRef, lane.lane, lane.featureSetRef))
    if (mine === undefined) return after
    const before = newestState(plan.locked.filter((other) => other.assetRef === lane.assetRef && other.lane === lane.lane)
      .map((other) => other.foldState))
    return { ...after, foldState: decideInOrder(mine, before) ?? lane.foldState }
  })
}

const streamKey = (assetRef: number, lane: Lane, featureSetRef: number): string => `${assetRef} ${lane} ${featureSetRef}`
