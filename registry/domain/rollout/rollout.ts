import type { ErrorCode } from '../errors.ts'
import { guardText, type GuardReading } from './guards.ts'
import { dwellUs, minWindowsOf, stagesOf, type RolloutPlan, type RolloutStage } from './plan.ts'

export const rolloutStates = ['running', 'completed', 'stopped', 'rolled-back', 'superseded'] as const
export type RolloutState = (typeof rolloutStates)[number]

/** A release on its way into force: plain JSON, the whole truth the machine needs. */
export interface Rollout {
  readonly plan: RolloutPlan
  readonly stage: RolloutStage
  readonly state: RolloutState
  /** Wall time. */
  readonly stageSinceUs: number
  /** Since when the stage is through and waits for somebody to say so (`advance: manual`). */
  readonly readyUs?: number
  readonly endedUs?: number
  readonly endedBy?: string
  readonly endedBecause?: string
}

export type RolloutAction =
  /** The guards looked: so many windows were scored by the release in the stage so far. */
  | { readonly kind: 'check'; readonly stage: RolloutStage; readonly readings: readonly GuardReading[]; readonly windows: number }
  /** Somebody says that the next stage may begin. */
  | { readonly kind: 'advance'; readonly by: string; readonly from: RolloutStage }
  | { readonly kind: 'stop'; readonly by: string; readonly reason: string }
  /** Something else was put in force in its seat. */
  | { readonly kind: 'supersede'; readonly by: string; readonly reason: string }

export type RolloutChange = 'advanced' | 'ready' | 'completed' | 'stopped' | 'rolled-back' | 'superseded'

export type RolloutResult =
  /** `change` null: the action repeated what was done, or had nothing to do. */
  | { readonly ok: true; readonly rollout: Rollout; readonly change: RolloutChange | null }
  | { readonly ok: false; readonly rollout: Rollout; readonly code: ErrorCode; readonly message: string }

/** A rollout begins with its gate's last approval. */
export function startRollout(plan: RolloutPlan, nowUs: number): Rollout {
  const stage = stagesOf(plan)[0] as RolloutStage
  return enter({ plan, stage, state: 'running', stageSinceUs: nowUs }, stage, nowUs)
}

/**
 * One action on a rollout, at a wall time given from outside. A guard that trips ends it, whatever else is true; a stage goes on
 * to the next when its time is over and enough was seen; ended is ended.
 */
export function stepRollout(rollout: Rollout, action: RolloutAction, nowUs: number): RolloutResult {
  const same: RolloutResult = { ok: true, rollout, change: null }
  if (rollout.state !== 'running') {
    if (action.kind === 'check' || action.kind === 'supersede') return same
    if (action.kind === 'stop' && rollout.state === 'stopped' && rollout.endedBy === action.by) return same
    if (action.kind === 'advance' && rollout.state === 'completed' && isBehind(rollout, action.from)) return same
    return refused(rollout, 'conflict', `the rollout is ${rollout.state}${rollout.endedBecause === undefined ? '' : ` (${rollout.endedBecause})`}; `
      + (rollout.state === 'completed' ? 'to go back, roll the family back' : 'ask for the release again'))
  }
  switch (action.kind) {
    case 'stop':
      return ended(rollout, 'stopped', action.by, action.reason, nowUs)
    case 'supersede':
      return ended(rollout, 'superseded', action.by, action.reason, nowUs)
    case 'advance':
      return advance(rollout, action, nowUs)
    case 'check':
      return check(rollout, action, nowUs)
  }
}

/** When a running rollout is to be looked at next. */
export function wakeUs({ plan, stage, stageSinceUs }: Rollout, nowUs: number): number {
  const [look, through] = [nowUs + plan.checkEverySeconds * 1_000_000, stageSinceUs + dwellUs(plan, stage)]
  return through > nowUs ? Math.min(look, through) : look
}

/** What the assignments of a rollout are: who judges, and who scores beside. The former champion may be nobody. */
export interface RolloutSeats {
  /** Whose seat it is over the whole scope; null: not the rollout's any more, or not yet. */
  readonly champion: 'release' | 'former' | null
  /** The release judges its slice, the former champion scores there beside it. */
  readonly slice: boolean
  /** Who scores beside over the whole scope. */
  readonly shadow: 'release' | 'former' | null
}

/** A function of where the rollout stands and nothing else, so that whoever applies it twice changes nothing. */
export function seatsOf({ stage, state }: Pick<Rollout, 'stage' | 'state'>): RolloutSeats {
  if (state === 'running') {
    return stage === 'champion' ? { champion: 'release', slice: false, shadow: 'former' } : { champion: null, slice: stage === 'canary', shadow: 'release' }
  }
  const held = stage === 'champion'
  return { champion: !held || state === 'superseded' ? null : state === 'completed' ? 'release' : 'former', slice: false, shadow: null }
}

function check(rollout: Rollout, { stage, readings, windows }: Extract<RolloutAction, { kind: 'check' }>, nowUs: number): RolloutResult {
  // Measured while the stage changed: that is said of the former one.
  if (stage !== rollout.stage) return { ok: true, rollout, change: null }
  const tripped = readings.filter((reading) => reading.tripped)
  if (tripped.length > 0) return ended(rollout, 'rolled-back', 'rollouts', tripped.map(guardText).join('; '), nowUs)
  if (!isThrough(rollout, windows, nowUs)) return { ok: true, rollout, change: null }
  if (stage === 'champion' || rollout.plan.advance === 'automatic') return next(rollout, nowUs)
  return rollout.readyUs === undefined ? { ok: true, rollout: { ...rollout, readyUs: nowUs }, change: 'ready' } : { ok: true, rollout, change: null }
}

function advance(rollout: Rollout, { from }: Extract<RolloutAction, { kind: 'advance' }>, nowUs: number): RolloutResult {
  if (rollout.plan.advance === 'automatic') return refused(rollout, 'conflict', 'this rollout goes on by itself, as its plan says that was approved; it can be stopped')
  if (from !== rollout.stage) {
    return isBehind(rollout, from) ? { ok: true, rollout, change: null }
      : refused(rollout, 'stale_state', `the rollout is at ${rollout.stage}, not at ${from}; look at it again`)
  }
  if (rollout.readyUs === undefined) {
    return refused(rollout, 'conflict', `the stage ${rollout.stage} is not through yet: its time must be over, enough windows scored (${minWindowsOf(rollout.plan, rollout.stage)}), and the guards must have looked since`)
  }
  return next(rollout, nowUs)
}

const isThrough = ({ plan, stage, stageSinceUs }: Rollout, windows: number, nowUs: number): boolean =>
  nowUs >= stageSinceUs + dwellUs(plan, stage) && windows >= minWindowsOf(plan, stage)

/** Whether it has left a stage; one that its plan does not have it never was at. */
const isBehind = ({ plan, stage }: Rollout, other: RolloutStage): boolean => {
  const stages = stagesOf(plan)
  return stages.includes(other) && stages.indexOf(other) < stages.indexOf(stage)
}

function next(rollout: Rollout, nowUs: number): RolloutResult {
  if (rollout.stage === 'champion') return ended(rollout, 'completed', 'rollouts', undefined, nowUs)
  const stages = stagesOf(rollout.plan)
  const entered = enter(rollout, stages[stages.indexOf(rollout.stage) + 1] as RolloutStage, nowUs)
  return { ok: true, rollout: entered, change: entered.state === 'completed' ? 'completed' : 'advanced' }
}

/** A release that nobody wants to watch is through as soon as it judges all. */
function enter({ readyUs: _ready, ...rollout }: Rollout, stage: RolloutStage, nowUs: number): Rollout {
  const entered: Rollout = { ...rollout, stage, stageSinceUs: nowUs }
  return stage === 'champion' && rollout.plan.champion === null ? { ...entered, state: 'completed', endedUs: nowUs, endedBy: 'rollouts' } : entered
}

function ended(rollout: Rollout, state: Exclude<RolloutState, 'running'>, by: string, because: string | undefined, nowUs: number): RolloutResult {
  return { ok: true, change: state, rollout: { ...rollout, state, endedUs: nowUs, endedBy: by, ...(because !== undefined && { endedBecause: because }) } }
}

const refused = (rollout: Rollout, code: ErrorCode, message: string): RolloutResult => ({ ok: false, rollout, code, message })
