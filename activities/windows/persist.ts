import { microsToIso } from '../../registry/domain/contract/time.ts'
import { clearAlert, raiseAlert } from '../../registry/store/alerts.ts'
import { insertFeatureWindows, type FeatureWindow } from '../../registry/store/feature-windows.ts'
import type { AssetPlace } from '../../registry/store/releases-in-force.ts'
import { enqueueScoredEvents, type ClosingSummary } from '../../registry/store/scored-events.ts'
import { insertScores } from '../../registry/store/scores.ts'
import type { Tx } from '../../registry/store/transaction.ts'
import type { RoleTag } from '../../registry/domain/windows/window-readings.ts'
import { isNews, scoredEvent } from './events.ts'
import type { Verdict } from './judge.ts'

export interface Outcome {
  /** With their revisions; every verdict's window is one of these. */
  readonly windows: readonly FeatureWindow[]
  readonly verdicts: readonly Verdict[]
  readonly placeOf: ReadonlyMap<number, AssetPlace>
  readonly tagsOf: ReadonlyMap<number, readonly RoleTag[]>
  readonly runtimeDigest: string
  readonly nowUs: number
  /** The rescore that all of it is written for; absent: it was closed, or came of late readings. */
  readonly rescore?: { readonly rescoreRef: number; readonly operation: string }
}

/** Stores windows, scores and decisions, and everything that follows from them, in the transaction that closes the windows. */
export async function persistOutcome(tx: Tx, site: string, outcome: Outcome, mayRaise: boolean): Promise<void> {
  const windowIds = new Map<FeatureWindow, string>()
  for (const group of bySet(outcome.windows)) {
    const ids = await insertFeatureWindows(tx, site, group, outcome.rescore?.rescoreRef)
    group.forEach((window, i) => windowIds.set(window, ids[i] as string))
  }
  const scoreIds = await insertScores(tx, site, outcome.verdicts.map((verdict) => ({
    assetRef: verdict.window.assetRef, windowId: windowIds.get(verdict.window) as string, windowEndUs: verdict.window.endUs,
    revision: verdict.window.revision, lane: verdict.window.lane, releaseRef: verdict.judge.release.releaseRef, role: verdict.judge.role,
    score: verdict.score, confidence: verdict.confidence, contributions: verdict.contributions, suppressed: verdict.suppressed, foldBefore: verdict.foldBefore,
    decision: verdict.decision, runtimeDigest: outcome.runtimeDigest,
  })), outcome.rescore?.rescoreRef)
  const place = (verdict: Verdict): AssetPlace => outcome.placeOf.get(verdict.window.assetRef) as AssetPlace
  // What a rescore finds in the past is counted, and no news: a receiver might call somebody for it.
  const events = outcome.verdicts.flatMap((verdict, i) => outcome.rescore !== undefined || !isNews(verdict) ? []
    : [scoredEvent(verdict, scoreIds[i] as string, site, place(verdict), outcome.tagsOf.get(verdict.window.assetRef) ?? [])])
  await enqueueScoredEvents(tx, site, microsToIso(outcome.nowUs), events, summaries(outcome, windowIds))
  if (!mayRaise) return
  for (const [i, verdict] of outcome.verdicts.entries()) {
    if (verdict.window.lane === 'live') await followDecision(tx, site, verdict, scoreIds[i] as string, place(verdict), outcome.nowUs)
  }
}

/** Transitions become episodes: raised rules open or join one, cleared and retired ones return it to normal. */
async function followDecision(tx: Tx, site: string, verdict: Verdict, scoreId: string, place: AssetPlace, nowUs: number): Promise<void> {
  const { decision, judge: { release }, window } = verdict
  if (decision === null) return
  for (const { ruleId, transition, sinceUs } of decision.rules) {
    const rule = release.policy.rules.find(({ id }) => id === ruleId)
    if (transition === 'raised' && rule !== undefined) {
      await raiseAlert(tx, {
        site, assetRef: place.assetRef, asset: place.assetId, ruleId, severity: rule.severity, failureMode: rule.failureMode ?? null,
        recommendedAction: rule.recommendedAction, releaseRef: release.releaseRef, scoreId, raisedAtUs: sinceUs, pages: true,
        routing: release.policy.routing, nowUs,
      })
    } else if (transition === 'cleared') {
      await clearAlert(tx, { site, assetRef: place.assetRef, ruleId, clearedAtUs: window.endUs, nowUs })
    }
  }
  for (const ruleId of decision.retired) {
    await clearAlert(tx, { site, assetRef: place.assetRef, ruleId, clearedAtUs: window.endUs, nowUs })
  }
}

function bySet(windows: readonly FeatureWindow[]): FeatureWindow[][] {
  const groups = new Map<number, FeatureWindow[]>()
  for (const window of windows) {
    const group = groups.get(window.featureSetRef)
    if (group === undefined) groups.set(window.featureSetRef, [window])
    else group.push(window)
  }
  return [...groups.values()]
}

const NAMED_ASSETS = 100

function summaries({ windows, verdicts, placeOf, rescore }: Outcome, windowIds: ReadonlyMap<FeatureWindow, string>): ClosingSummary[] {
  return (['live', 'backfill'] as const).flatMap((lane) => {
    const mine = windows.filter((window) => window.lane === lane)
    const [first] = mine
    if (first === undefined) return []
    const assets = [...new Set(mine.map((window) => placeOf.get(window.assetRef)?.assetId ?? ''))].sort()
    return [{
      lane, firstWindow: windowIds.get(first) as string, commitNumber: Math.max(...mine.map((window) => window.commitNumber)), windows: mine.length,
      scores: verdicts.filter(({ window }) => window.lane === lane).length, assets: assets.slice(0, NAMED_ASSETS), ...(rescore && { rescore: rescore.operation }),
    }]
  })
}
