import { z } from 'zod'
import { demand, type Actor } from '../../domain/access/rights.ts'
import { slugSchema } from '../../domain/contract/primitives.ts'
import { DomainError, refuse } from '../../domain/errors.ts'
import { computeFeatures } from '../../domain/features/compute.ts'
import { featureSetDigest } from '../../domain/features/feature-set.ts'
import { isDecisionState, type Decision, type DecisionState } from '../../domain/policy/decide.ts'
import type { Policy } from '../../domain/policy/policy.ts'
import { declaredTolerance, FEATURE_SET, firstDifference, MODEL, STATE_BEFORE, type Difference, type Reckoning } from '../../domain/replay/compare.ts'
import { createCalibrator } from '../../domain/scoring/calibration.ts'
import { decideWindow, type WindowFigures } from '../../domain/windows/decide-window.ts'
import { assembleWindow } from '../../domain/windows/window-readings.ts'
import { recordAudit } from '../../store/audit.ts'
import { announce } from '../../store/outbox.ts'
import { readReplayRecord, type ReplayRecord } from '../../store/replay-records.ts'
import { inSite, type Tx } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'
import { noteReplays, type FailedWindow, type IncidentSeen } from '../incidents/note-replays.ts'

export const replayScoreInput = z.object({ site: slugSchema, scoreId: z.string().regex(/^\d{1,18}$/, 'a score id is a number') })
export type ReplayScoreInput = z.infer<typeof replayScoreInput>

/** How scores are computed here: models need libraries that the registry does not know. */
export interface ReplayDeps extends ServiceContext {
  readonly scorer: {
    /** Score of one row by the model with this digest. Refuses `digest_mismatch`, `not_found`. */
    scoreRow(model: { artifactKey: string; digest: string }, row: Float64Array): Promise<number>
    /** Scores of n rows, row-major; as `scoreRow` gives each. Lets others work meanwhile. */
    scoreRows(model: { artifactKey: string; digest: string }, rows: Float64Array, n: number): Promise<Float64Array>
    /** Digest of the numeric runtime in which `scoreRow` runs. */
    runtimeDigest(): string
  }
}

export interface Replay {
  readonly scoreId: string
  readonly class: 'exact' | 'equivalent' | 'expired' | 'failed'
  /** Which comparison was made: to the bit in the runtime of then, within the model's tolerance in another one. */
  readonly comparison: 'exact' | 'equivalent'
  readonly expected: { readonly score: number | null; readonly confidence: number | null; readonly decision: unknown }
  readonly recomputed: { readonly score: number | null; readonly confidence: number | null; readonly decision: unknown } | null
  readonly firstDifference: Difference | null
  /** What is no longer there, for an expired score. */
  readonly gone: readonly string[]
  readonly runtime: { readonly then: string; readonly now: string }
}

/**
 * Computes a score again from the readings as of its commit number, through features, model, calibration and the
 * decision's fold, and says whether it agrees. A replay that fails although everything is there opens an incident, or counts
 * towards the one that is open: it is audited and announced as `replay.failed`. Refuses (`not_found`) an unknown score.
 */
export async function replayScore(ctx: ReplayDeps, actor: Actor, input: ReplayScoreInput): Promise<Replay & { readonly incidents: readonly IncidentSeen[] }> {
  const replayed = await replayStored(ctx, actor, input)
  const { replay, about } = replayed
  const incidents = await inSite(ctx.pool, input.site, async (tx) => {
    const nowUs = ctx.nowUs()
    await audit(tx, actor, input, about)
    if (replay.class === 'failed') await tellFailure(tx, actor, input, about, `${nowUs}`, nowUs)
    return noteReplays(tx, actor, { site: input.site, failed: failedWindows(replayed), good: cameOutWell(replay) ? [{ scoreId: input.scoreId, chained: false }] : [], nowUs })
  })
  return { ...replay, incidents }
}

/**
 * The same for a sample taken to look whether replays hold: only one that fails is audited, and is an incident too; once for
 * each occasion, however often it is looked at.
 *
 * @param occasion what the sample was taken for, e.g. `gate/<id>`
 */
export async function checkReplay(ctx: Pick<ReplayDeps, 'pool' | 'nowUs' | 'scorer'>, actor: Actor, input: ReplayScoreInput, occasion: string): Promise<Replay> {
  const replayed = await replayStored(ctx, actor, input)
  const { replay, about } = replayed
  if (replay.class === 'failed') {
    await inSite(ctx.pool, input.site, async (tx) => {
      const nowUs = ctx.nowUs()
      if (!await tellFailure(tx, actor, input, about, occasion, nowUs)) return
      await audit(tx, actor, input, { ...about, occasion })
      await noteReplays(tx, actor, { site: input.site, failed: failedWindows(replayed), good: [], nowUs })
    })
  }
  return replay
}

/** A replay, and how the fold of decisions went through its window. */
export interface Replayed {
  readonly replay: Replay
  readonly about: About
  /** What was replayed: whose window, judged by what. */
  readonly of: Pick<FailedWindow, 'scoreId' | 'windowEndUs' | 'asset' | 'assetRef' | 'release' | 'releaseRef'>
  /** As it was stored: nothing says that it is a state. */
  readonly foldBefore: unknown
  /** Null where nothing was computed or decided again. */
  readonly foldAfter: DecisionState | null
}
/** What audit and event say of a replay. */
export interface About extends Pick<Replay, 'class' | 'comparison' | 'firstDifference' | 'gone' | 'runtime'> { readonly release: string; readonly windowEndUs: number }

/** The replay alone: nothing is audited or told. Refuses (`not_found`) an unknown score. */
export async function replayStored(ctx: Pick<ReplayDeps, 'pool' | 'scorer'>, actor: Actor, { site, scoreId }: ReplayScoreInput): Promise<Replayed> {
  demand(actor, 'score.replay', site)
  const record = await inSite(ctx.pool, site, (tx) => readReplayRecord(tx, scoreId))
  if (record === undefined || record.score.site !== site) {
    return refuse('not_found', `site ${site} has no score ${scoreId}; GET /v1/scores lists those of an asset`, { score: scoreId })
  }
  const { replay, foldAfter } = await replayRecord(ctx, record)
  const { class: outcome, comparison, firstDifference, gone, runtime } = replay
  const { assetRef, endUs: windowEndUs } = record.window
  const { releaseId: release, releaseRef } = record.release
  return {
    replay, foldBefore: record.score.foldBefore, foldAfter, of: { scoreId, windowEndUs, asset: record.asset, assetRef, release, releaseRef },
    about: { class: outcome, comparison, firstDifference, gone, runtime, release, windowEndUs },
  }
}

/** As an incident knows it; `difference` where it lies outside of the window. */
export const failedWindows = ({ replay: { comparison, runtime, firstDifference }, of }: Replayed, difference = firstDifference): FailedWindow[] =>
  (difference === null ? [] : [{ ...of, comparison, runtime, difference }])

export const cameOutWell = ({ class: outcome }: Pick<Replay, 'class'>): boolean => outcome === 'exact' || outcome === 'equivalent'

const audit = (tx: Tx, actor: Actor, { scoreId }: ReplayScoreInput, about: About & { readonly occasion?: string }): Promise<void> =>
  recordAudit(tx, { actor, verb: 'replay-score', subject: `score/${scoreId}`, detail: { ...about } })

/** Says whether it is told for the first time. */
export const tellFailure = (tx: Tx, actor: Actor, { scoreId }: ReplayScoreInput, about: About, occasion: string, nowUs: number): Promise<boolean> =>
  announce(tx, { id: `replay/${scoreId}/${occasion}`, type: 'replay.failed', atUs: nowUs, data: { score: scoreId, by: actor.id, ...about } })

async function replayRecord(ctx: Pick<ReplayDeps, 'scorer'>, record: ReplayRecord): Promise<Pick<Replayed, 'replay' | 'foldAfter'>> {
  const { score, window, featureSet: { set, digest }, release } = record
  const runtime = { then: score.runtimeDigest, now: ctx.scorer.runtimeDigest() }
  const comparison = runtime.then === runtime.now ? 'exact' : 'equivalent'
  const stored: Reckoning = {
    features: window.values, score: score.score, confidence: score.confidence, decision: score.decision as Decision | null,
  }
  const answer = { scoreId: score.scoreId, comparison, expected: figures(stored), runtime, gone: [], firstDifference: null, recomputed: null } as const
  const ended = (as: Pick<Replay, 'class'> & Partial<Replay>) => ({ replay: { ...answer, ...as }, foldAfter: null })
  if (record.monthsGone.length > 0) return ended({ class: 'expired', gone: record.monthsGone.map((month) => `readings of ${month}`) })
  if (featureSetDigest(set) !== digest) {
    return ended({ class: 'failed', firstDifference: { what: FEATURE_SET, stored: digest, recomputed: featureSetDigest(set) } })
  }
  const { input } = assembleWindow(record.tags, record.readings, window.commitNumber, window.startUs, window.endUs)
  const features = computeFeatures(set, input).values
  let recomputedScore: number
  try {
    recomputedScore = await ctx.scorer.scoreRow(release.model, features)
  } catch (error) {
    if (!(error instanceof DomainError)) throw error
    if (error.code === 'not_found') return ended({ class: 'expired', gone: [`model ${release.model.name} v${release.model.version}`] })
    if (error.code !== 'digest_mismatch') throw error
    return ended({ class: 'failed', firstDifference: { what: MODEL, stored: release.model.digest, recomputed: error.message } })
  }
  const { confidence } = createCalibrator(release.calibration)(recomputedScore)
  const names = set.features.map((feature) => feature.name)
  const tolerance = comparison === 'exact' ? null : declaredTolerance(record.modelRuntime)
  const decided = stored.decision === null ? null
    : decideAgain(release.policy, names, score.foldBefore, {
      endUs: window.endUs, values: features, score: recomputedScore, confidence, suppressed: score.suppressed,
    })
  if (typeof decided === 'string') {
    const figuresDiffer = firstDifference(names, stored, { features, score: recomputedScore, confidence, decision: stored.decision }, tolerance)
    return ended({
      class: 'failed', recomputed: figures({ score: recomputedScore, confidence, decision: null }),
      firstDifference: figuresDiffer ?? { what: STATE_BEFORE, stored: score.foldBefore, recomputed: decided },
    })
  }
  const recomputed: Reckoning = { features, score: recomputedScore, confidence, decision: decided?.decision ?? null }
  const difference = firstDifference(names, stored, recomputed, tolerance)
  return {
    replay: { ...answer, class: difference === null ? comparison : 'failed', recomputed: figures(recomputed), firstDifference: difference },
    foldAfter: decided?.state ?? null,
  }
}

/** The decision once more, or why there can be none: what is stored as the state of the rules cannot stand before this window. */
function decideAgain(policy: Policy, names: readonly string[], before: unknown, window: WindowFigures): ReturnType<typeof decideWindow> | string {
  if (before !== null && !isDecisionState(before)) return 'what is stored is no state of rules'
  try {
    return decideWindow(policy, names, before, window)
  } catch (error) {
    if (!(error instanceof DomainError) || error.code !== 'stale_state') throw error
    return error.message
  }
}

const figures = ({ score, confidence, decision }: Omit<Reckoning, 'features'>): Replay['expected'] => ({
  score: Number.isFinite(score) ? score : null, confidence: Number.isFinite(confidence) ? confidence : null, decision,
})
