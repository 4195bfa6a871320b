import { z } from 'zod'
import { demand, type Actor } from '../../domain/access/rights.ts'
import { canonicalJson } from '../../domain/canonical.ts'
import { microsSchema, slugSchema } from '../../domain/contract/primitives.ts'
import { microsToIso } from '../../domain/contract/time.ts'
import { refuse } from '../../domain/errors.ts'
import type { DecisionState } from '../../domain/policy/decide.ts'
import type { Lane } from '../../domain/contract/batch.ts'
import { STATE_BEFORE, type Difference } from '../../domain/replay/compare.ts'
import { recordAudit } from '../../store/audit.ts'
import { alertCourse, decidedScores, lastDecided, type DecidedScore } from '../../store/decided-scores.ts'
import { inSite, type Tx } from '../../store/transaction.ts'
import { noteReplays, type FailedWindow, type GoodWindow, type IncidentSeen } from '../incidents/note-replays.ts'
import { assetRefOf } from '../read/asset-of.ts'
import { cameOutWell, failedWindows, replayStored, tellFailure, type Replay, type ReplayDeps, type Replayed } from './replay-score.ts'

export const replayPeriodInput = z.object({
  site: slugSchema,
  asset: slugSchema,
  fromUs: microsSchema.describe('Event time: windows that end after this'),
  toUs: microsSchema.describe('… and not later than this'),
})
export type ReplayPeriodInput = z.infer<typeof replayPeriodInput>

/** What came of replaying every decision about a machine over a time, in their order. */
export interface PeriodReplay {
  readonly asset: string
  /** Event time: ends of the first and the last window that were replayed. */
  readonly from: string
  readonly to: string
  /** Left out: too many for one answer. Go on from `to`. */
  readonly more: boolean
  readonly releases: readonly string[]
  readonly windows: number
  /** The worst of its windows. */
  readonly class: Replay['class']
  readonly classes: Readonly<Record<Replay['class'], number>>
  readonly firstDifference: (Difference & { readonly scoreId: string; readonly windowEnd: string }) | null
  /** One a trouble, however many windows show it. */
  readonly incidents: readonly IncidentSeen[]
}

/** Each takes some milliseconds; a caller that wants more goes on from where the answer ends. */
const MOST = 500
const WORSE: readonly Replay['class'][] = ['exact', 'equivalent', 'expired', 'failed']

/**
 * Replays the decisions about a machine in a time under the versions in force then, window after window: each from its
 * readings, and that each went on from the state in which the one before left the rules. What fails opens
 * an incident a trouble, or counts towards the open one; a time in which anything fails is announced once as `replay.failed`, with the first difference. `most` windows, then `more`. Refuses (`not_found`) an
 * unknown asset, and a time without decisions, (`invalid`) an empty time.
 */
export async function replayPeriod(ctx: ReplayDeps, actor: Actor, input: ReplayPeriodInput, most = MOST): Promise<PeriodReplay> {
  const { site, asset, fromUs, toUs } = input
  demand(actor, 'score.replay', site)
  if (toUs <= fromUs) refuse('invalid', `the time is empty: it ends at ${microsToIso(toUs)}, and begins at ${microsToIso(fromUs)}`, { fromUs, toUs })
  const found = await inSite(ctx.pool, site, async (tx) => findScores(tx, { assetRef: await assetRefOf(tx, site, asset), fromUs, toUs, lane: null }, most))
  return replayAll(ctx, actor, { site, asset, subject: `asset/${asset}` }, found, { fromUs, toUs })
}

/** The same of an alert: from where its rule began to hold until it cleared (or until now). Refuses (`not_found`). */
export async function replayAlert(ctx: ReplayDeps, actor: Actor, { site, alert }: { site: string; alert: string }): Promise<PeriodReplay> {
  demand(actor, 'score.replay', site)
  const { asset, course, found } = await inSite(ctx.pool, site, async (tx) => {
    const course = await alertCourse(tx, site, alert) ?? refuse('not_found', `there is no alert ${alert} at site ${site}; GET /v1/alerts lists them`, { alert })
    return { asset: course.asset, course, found: await findScores(tx, { ...course, lane: 'live' }, MOST) }
  })
  return replayAll(ctx, actor, { site, asset, subject: `alert/${alert}` }, found, course)
}

interface Found {
  readonly scores: readonly DecidedScore[]
  readonly more: boolean
  /** What the first of each lane went on from: replayed for the state it left, not counted. */
  readonly before: readonly DecidedScore[]
}

async function findScores(tx: Tx, course: { assetRef: number; fromUs: number; toUs: number; lane: Lane | null }, most: number): Promise<Found> {
  const found = await decidedScores(tx, course, most)
  return { ...found, before: await lastDecided(tx, course.assetRef, [...new Set(found.scores.map(({ lane }) => lane))], course.fromUs) }
}

async function replayAll(
  ctx: ReplayDeps, actor: Actor, { site, asset, subject }: { site: string; asset: string; subject: string }, { scores, more, before: priors }: Found, asked: { fromUs: number; toUs: number },
): Promise<PeriodReplay> {
  const [first, last] = [scores[0], scores.at(-1)]
  if (first === undefined || last === undefined) {
    return refuse('not_found', `nothing was decided about ${asset} between ${microsToIso(asked.fromUs)} and ${microsToIso(asked.toUs)}; GET /v1/scores lists what was`, { asset })
  }
  const classes = { exact: 0, equivalent: 0, expired: 0, failed: 0 }
  const left = new Map<Lane, Replayed>()
  for (const { scoreId, lane } of priors) left.set(lane, await replayStored(ctx, actor, { site, scoreId }))
  const failed: FailedWindow[] = []
  const good: GoodWindow[] = []
  let failure: { scoreId: string; windowEnd: string; replayed: Replayed; difference: Difference } | null = null
  for (const { scoreId, lane, windowEndUs } of scores) {
    const replayed = await replayStored(ctx, actor, { site, scoreId })
    const before = left.get(lane)
    left.set(lane, replayed)
    const broken = replayed.replay.class === 'exact' && before?.replay.class === 'exact' ? brokenFold(before.foldAfter, replayed.foldBefore) : null
    classes[broken === null ? replayed.replay.class : 'failed']++
    const difference = replayed.replay.class === 'failed' ? replayed.replay.firstDifference : broken
    failed.push(...failedWindows(replayed, difference))
    if (difference === null && cameOutWell(replayed.replay)) good.push({ scoreId, chained: replayed.replay.class === 'exact' && (before === undefined || before.replay.class === 'exact') })
    if (difference !== null) failure ??= { scoreId, windowEnd: microsToIso(windowEndUs), replayed, difference }
  }
  const found: Omit<PeriodReplay, 'incidents'> = {
    asset, from: microsToIso(first.windowEndUs), to: microsToIso(last.windowEndUs), more,
    releases: [...new Set(scores.map(({ release }) => release))], windows: scores.length,
    class: WORSE.findLast((each) => classes[each] > 0) ?? 'exact', classes,
    firstDifference: failure && { scoreId: failure.scoreId, windowEnd: failure.windowEnd, ...failure.difference },
  }
  return inSite(ctx.pool, site, async (tx) => {
    const nowUs = ctx.nowUs()
    const result: PeriodReplay = { ...found, incidents: await noteReplays(tx, actor, { site, failed, good, nowUs }) }
    await recordAudit(tx, { actor, verb: 'replay-period', subject, detail: { ...result } })
    if (failure === null) return result
    await tellFailure(tx, actor, { site, scoreId: failure.scoreId }, { ...failure.replayed.about, class: 'failed', firstDifference: failure.difference }, `${subject}/${nowUs}`, nowUs)
    return result
  })
}

/** A window must go on from the state in which the one before it left the rules, to the letter. */
function brokenFold(after: DecisionState | null, before: unknown): Difference | null {
  if (after === null || canonicalJson(after) === canonicalJson(before)) return null
  return { what: STATE_BEFORE, stored: before, recomputed: after }
}
