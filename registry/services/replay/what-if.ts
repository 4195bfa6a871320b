import { setImmediate as breathe } from 'node:timers/promises'
import type { z } from 'zod'
import { demand, type Actor } from '../../domain/access/rights.ts'
import type { Lane } from '../../domain/contract/batch.ts'
import { microsSchema, slugSchema } from '../../domain/contract/primitives.ts'
import { microsToIso } from '../../domain/contract/time.ts'
import { DomainError, refuse } from '../../domain/errors.ts'
import { isDecisionState, type Decision, type DecisionState } from '../../domain/policy/decide.ts'
import type { Policy } from '../../domain/policy/policy.ts'
import { compareJudgements, type AlertAt, type AlertMoved, type JudgedTwice, type WhatIf } from '../../domain/replay/what-if.ts'
import { decideWindow } from '../../domain/windows/decide-window.ts'
import { alertCourse } from '../../store/decided-scores.ts'
import { featureSetDefinitions, releaseDefinitions, type ReleaseDefinition } from '../../store/judging-definitions.ts'
import { placesOf } from '../../store/releases-in-force.ts'
import { inSite, type Tx } from '../../store/transaction.ts'
import { alertsAt, countJudged, judgedWindow, judgedWindows, type JudgedCourse, type JudgedWindow } from '../../store/what-if-windows.ts'
import { assetRefOf } from '../read/asset-of.ts'
import { measureWindows } from './measure-windows.ts'
import { demandWatched, findOtherVersions, measuring, otherVersionsInput, type MeasuringSet, type OtherModel, type OtherVersions, type OtherVersionsInput } from './other-versions.ts'
import type { ReplayDeps } from './replay-score.ts'

export const whatIfInput = otherVersionsInput.extend({
  site: slugSchema,
  asset: slugSchema,
  fromUs: microsSchema.describe('Event time: windows that end after this'),
  toUs: microsSchema.describe('… and not later than this'),
})
export type WhatIfInput = z.infer<typeof whatIfInput>

type Linked<Change> = Change & { /** The alert of then that it is, or would have been, about. */ readonly alert: string | null }

/** What other versions would have said of windows that were judged, beside what was said. */
export interface WhatIfReplay extends Omit<WhatIf, 'gained' | 'lost' | 'moved'> {
  readonly asset: string
  /** Event time: ends of the first and the last window. */
  readonly from: string
  readonly to: string
  /** Of an alert: there are more windows than one answer holds. */
  readonly more: boolean
  readonly windows: number
  /** Windows whose features were computed from readings, as known then, and those that had none to compute from. */
  readonly measured: number
  readonly unmeasured: number
  /** What judged then. */
  readonly releases: readonly string[]
  /** What judges here; null: as then. */
  readonly under: { readonly model: string | null; readonly featureSet: string | null; readonly policy: number | null }
  readonly gained: readonly Linked<AlertAt>[]
  readonly lost: readonly Linked<AlertAt>[]
  readonly moved: readonly Linked<AlertMoved>[]
}

/** A week of a machine with a window a minute: a second or two, and some ten megabytes. */
const MOST = 10_000
/** Each of these is computed from readings. */
const MOST_MEASURED = 1_000
const LISTED = 1_000
/** Of an alert: so long before its rule began to hold, where another version may have seen it come. */
const LEAD_US = 86_400_000_000

/**
 * What would have been scored, decided and alerted about a machine in a time under other versions; nothing is written. Windows of
 * then with the features of then; where a model reads another feature set, from readings as known then. Rules go on from where they
 * stood before the time. Refuses (`not_found`) an unknown asset, a time without decisions and unknown versions, (`invalid`) an empty
 * time and no version, (`too_large`) more windows than one answer can hold, (`expired`) a model that is no longer kept, and as
 * `findOtherVersions` does.
 */
export async function whatIfPeriod(ctx: WhatIfDeps, actor: Actor, { site, asset, fromUs, toUs, ...versions }: WhatIfInput): Promise<WhatIfReplay> {
  demand(actor, 'score.replay', site)
  if (toUs <= fromUs) refuse('invalid', `the time is empty: it ends at ${microsToIso(toUs)}, and begins at ${microsToIso(fromUs)}`, { fromUs, toUs })
  const read = await inSite(ctx.pool, site, async (tx) => {
    const course = { assetRef: await assetRefOf(tx, site, asset), fromUs, toUs, lane: null }
    const windows = await judgedWindows(tx, course, MOST + 1)
    if (windows.length > MOST) refuseLong(asset, await countJudged(tx, course), windows)
    return readJudging(tx, { asset, ...course }, versions, windows, false)
  }, { snapshot: true })
  return answer(ctx, site, read)
}

/** The same of an alert: from a day before its rule began to hold until it cleared (or until now). Refuses as above. */
export async function whatIfAlert(ctx: WhatIfDeps, actor: Actor, { site, alert, ...versions }: OtherVersionsInput & { site: string; alert: string }): Promise<WhatIfReplay> {
  demand(actor, 'score.replay', site)
  const read = await inSite(ctx.pool, site, async (tx) => {
    const course = await alertCourse(tx, site, alert) ?? refuse('not_found', `there is no alert ${alert} at site ${site}; GET /v1/alerts lists them`, { alert })
    const whole = { ...course, fromUs: Math.max(0, course.fromUs - LEAD_US), lane: 'live' as const }
    // What leads up to it is left out rather than the alert itself.
    const from = await countJudged(tx, { ...whole, toUs: course.fromUs }) > MOST / 2 ? course.fromUs : whole.fromUs
    const windows = await judgedWindows(tx, { ...whole, fromUs: from }, MOST + 1)
    return readJudging(tx, { ...whole, fromUs: from }, versions, windows.slice(0, MOST), windows.length > MOST)
  }, { snapshot: true })
  return answer(ctx, site, read)
}

/** The same of one score and its decision, whatever wrote it. Refuses as above. */
export async function whatIfScore(ctx: WhatIfDeps, actor: Actor, { site, scoreId, ...versions }: OtherVersionsInput & { site: string; scoreId: string }): Promise<WhatIfReplay> {
  demand(actor, 'score.replay', site)
  const read = await inSite(ctx.pool, site, async (tx) => {
    const window = await judgedWindow(tx, site, scoreId) ?? refuse('not_found', `site ${site} has no score ${scoreId}; GET /v1/scores lists those of an asset`, { score: scoreId })
    return readJudging(tx, { asset: window.asset, assetRef: window.assetRef, fromUs: window.endUs - 1, toUs: window.endUs, lane: window.lane }, versions, [window], false)
  }, { snapshot: true })
  return answer(ctx, site, read)
}

export type WhatIfDeps = Pick<ReplayDeps, 'pool' | 'scorer'>

function refuseLong(asset: string, count: number, windows: readonly JudgedWindow[]): never {
  const end = microsToIso((windows[MOST - 1] as JudgedWindow).endUs)
  return refuse('too_large', `${count} windows of ${asset} were decided in that time, and an answer holds ${MOST}: end it at ${end}, and go on from there; `
    + 'for another policy over months of a family there is POST /v1/families/{family}/policy-preview', { windows: count, most: MOST, endsAt: end })
}

interface Judging {
  readonly asset: string
  readonly assetRef: number
  readonly versions: OtherVersions
  readonly releases: ReadonlyMap<number, ReleaseDefinition>
  readonly sets: ReadonlyMap<number, MeasuringSet>
  readonly windows: readonly JudgedWindow[]
  /** Features by window where the model reads another set; null: there is nothing to compute them from. */
  readonly measured: ReadonlyMap<JudgedWindow, Float64Array | null>
  readonly more: boolean
}

async function readJudging(
  tx: Tx, { asset, assetRef, fromUs, toUs }: JudgedCourse & { asset: string }, asked: OtherVersionsInput, windows: readonly JudgedWindow[], more: boolean,
): Promise<Judging> {
  const [place] = await placesOf(tx, [assetRef])
  if (place === undefined) throw new Error(`asset ${assetRef} is gone`)
  const versions = await findOtherVersions(tx, place.familyId, asked)
  if (windows.length === 0) refuse('not_found', `nothing was decided about ${asset} between ${microsToIso(fromUs)} and ${microsToIso(toUs)}; GET /v1/scores lists what was`, { asset })
  const releases = new Map((await releaseDefinitions(tx, [...new Set(windows.map(({ releaseRef }) => releaseRef))])).map((each) => [each.releaseRef, each]))
  const sets = new Map((await featureSetDefinitions(tx, [...new Set(windows.map(({ featureSetRef }) => featureSetRef))])).map((each) => [each.featureSetRef, measuring(each)]))
  const { model, policy } = versions
  if (policy !== null) demandWatched(policy, model === null ? sets.values() : [model.set])
  else if (model !== null) for (const release of releases.values()) demandWatched(release.policy, [model.set])
  const other = model === null ? [] : windows.filter(({ featureSetRef }) => featureSetRef !== model.set.featureSetRef)
  if (other.length > MOST_MEASURED) {
    refuse('too_large', `${other.length} windows were measured by another feature set than ${model?.name}@${model?.version} reads, and are to be computed from readings: ${MOST_MEASURED} at the most; `
      + `end the time at ${microsToIso((other[MOST_MEASURED - 1] as JudgedWindow).endUs)}, and go on from there`, { windows: other.length, most: MOST_MEASURED })
  }
  return { asset, assetRef, versions, releases, sets, windows, more, measured: model === null ? new Map() : await measureWindows(tx, assetRef, model.set, other) }
}

async function answer(ctx: WhatIfDeps, site: string, judging: Judging): Promise<WhatIfReplay> {
  const { asset, assetRef, windows, releases, versions: { model, policy }, measured, more } = judging
  const twice = await judgeAgain(ctx, judging)
  const first = new Map<Lane, unknown>()
  for (const { lane, foldBefore } of windows) if (!first.has(lane)) first.set(lane, foldBefore)
  const { gained, lost, moved, ...rest } = compareJudgements(twice, (lane) => stateOf(first.get(lane)), LISTED)
  const linked = await inSite(ctx.pool, site, async (tx) => ({
    gained: withAlerts(gained, await alertsAt(tx, assetRef, gained)),
    lost: withAlerts(lost, await alertsAt(tx, assetRef, lost)),
    moved: withAlerts(moved, await alertsAt(tx, assetRef, moved.map(({ beforeScoreId, rule }) => ({ scoreId: beforeScoreId, rule })))),
  }))
  const missing = [...measured.values()].filter((values) => values === null).length
  return {
    asset, from: microsToIso((windows[0] as JudgedWindow).endUs), to: microsToIso((windows.at(-1) as JudgedWindow).endUs), more, windows: windows.length,
    measured: measured.size - missing, unmeasured: missing, releases: [...releases.values()].map(({ releaseId }) => releaseId),
    under: { model: model && `${model.name}@${model.version}`, featureSet: model && `${model.set.set.name}@${model.set.set.version}`, policy: policy?.version ?? null },
    ...rest, ...linked,
  }
}

const withAlerts = <Change>(changes: readonly Change[], alerts: readonly (string | null)[]): Linked<Change>[] => changes.map((change, i) => ({ ...change, alert: alerts[i] ?? null }))
const stateOf = (stored: unknown): DecisionState | null => (isDecisionState(stored) ? stored : null)

/** Windows folded between two breaths: other requests wait no longer than that. */
const BREATH = 1_000

async function judgeAgain({ scorer }: WhatIfDeps, { windows, releases, sets, versions: { model, policy }, measured }: Judging): Promise<JudgedTwice[]> {
  const none = new Float64Array(model?.set.names.length ?? 0).fill(NaN)
  const valuesOf = (window: JudgedWindow): Float64Array => (measured.has(window) ? measured.get(window) ?? none : window.values)
  const namesOf = ({ featureSetRef }: JudgedWindow): readonly string[] => model?.set.names ?? sets.get(featureSetRef)?.names ?? []
  const scores = model && await scoreAll(scorer, model, flat(windows.map(valuesOf)), windows.length)
  const states = new Map<Lane, DecisionState | null>()
  const judged: JudgedTwice[] = []
  for (const [i, window] of windows.entries()) {
    const release = releases.get(window.releaseRef) as ReleaseDefinition
    const score = scores === null ? window.score : scores[i] as number
    const confidence = model === null ? window.confidence : model.calibrate(score).confidence
    const before = states.has(window.lane) ? states.get(window.lane) as DecisionState | null : stateOf(window.foldBefore)
    const names = namesOf(window)
    const folded = window.decision === null ? null : foldOn(policy ?? release.policy, names, before, { window, score, confidence, values: valuesOf(window) })
    if (folded !== null) states.set(window.lane, folded.state)
    judged.push({
      scoreId: window.scoreId, lane: window.lane, endUs: window.endUs,
      before: { score: window.score, confidence: window.confidence, decision: window.decision as Decision | null }, after: { score, confidence, decision: folded?.decision ?? null },
    })
    if (i % BREATH === BREATH - 1) await breathe()
  }
  return judged
}

async function scoreAll(scorer: WhatIfDeps['scorer'], model: OtherModel, rows: Float64Array, n: number): Promise<Float64Array> {
  try {
    return await scorer.scoreRows(model, rows, n)
  } catch (error) {
    if (!(error instanceof DomainError) || error.code !== 'not_found') throw error
    return refuse('expired', `${model.name}@${model.version} is registered, but its artifact is no longer kept; name another version`, { model: model.name, version: model.version })
  }
}

/** Null where the window does not come after the last decided one: it decided nothing then, and does not here. */
function foldOn(
  policy: Policy, names: readonly string[], before: DecisionState | null, { window: { endUs, suppressed }, ...figures }: { window: JudgedWindow; score: number; confidence: number; values: Float64Array },
): ReturnType<typeof decideWindow> | null {
  if (before !== null && endUs <= (before.lastWindowEndUs ?? -Infinity)) return null
  return decideWindow(policy, names, before, { endUs, suppressed, ...figures })
}

function flat(rows: readonly Float64Array[]): Float64Array {
  const width = rows[0]?.length ?? 0
  const all = new Float64Array(width * rows.length)
  rows.forEach((row, i) => all.set(row, i * width))
  return all
}
