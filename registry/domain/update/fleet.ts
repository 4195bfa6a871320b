import { SILENT_AFTER_US } from '../twin/gateway-state.ts'

/** A new program for all, or for each a site file of its own. */
export const fleetUpdateKinds = ['program', 'site-file'] as const
export type FleetUpdateKind = (typeof fleetUpdateKinds)[number]

export const fleetUpdateStates = ['running', 'completed', 'stopped', 'failed'] as const
export type FleetUpdateState = (typeof fleetUpdateStates)[number]

/** `waiting`: its stage has not come · `ordered`: it has been told · `well`: it runs what it was told and is watched · `done` · `failed`. */
export const targetStates = ['waiting', 'ordered', 'well', 'done', 'failed'] as const
export type TargetState = (typeof targetStates)[number]

/** One gateway of an update. */
export interface UpdateTarget {
  readonly gateway: string
  /** From 0. */
  readonly stage: number
  /** What it says that it runs when it has it: a program's name, or the digest of a site file. */
  readonly wants: string
  readonly state: TargetState
  readonly orderedUs: number | null
  readonly wellSinceUs: number | null
  readonly detail: string | null
}

/** An update on its way to the gateways of a site, stage after stage. */
export interface FleetUpdate {
  readonly kind: FleetUpdateKind
  readonly state: FleetUpdateState
  readonly stage: number
  /** So long a gateway must have been well before its stage can end. */
  readonly settleSeconds: number
  /** So long one may take from its order until it is well, its waiting for a connection included. */
  readonly withinSeconds: number
  readonly targets: readonly UpdateTarget[]
  readonly endedBecause: string | null
}

/** What the platform knows of a gateway now, by its newest report and by the order it was given. */
export interface GatewaySeen {
  readonly reportedUs: number | null
  /** What runs, of the kind that is watched, and whether that is only being tried; null: it does not say. */
  readonly runs: { readonly name: string; readonly trial: boolean } | null
  /** The last order that did not stay in force there, and why. */
  readonly rolledBack: { readonly order: string; readonly why: string } | null
  readonly order: { readonly id: string; readonly state: 'pending' | 'accepted' | 'done' | 'refused'; readonly detail: string | null } | null
}

export interface Stepped {
  readonly update: FleetUpdate
  /** Gateways that are to be told now. */
  readonly order: readonly string[]
}

/**
 * What the reports do to an update: each gateway of the stage is told, watched, done with; the next stage begins when all are done,
 * and the first that goes back, refuses, falls silent or takes too long ends it for all that have not been told.
 */
export function stepFleetUpdate(update: FleetUpdate, seen: ReadonlyMap<string, GatewaySeen>, nowUs: number): Stepped {
  if (update.state !== 'running') return { update, order: [] }
  const targets = update.targets.map((target) => (target.stage === update.stage ? stepTarget(update, target, seen.get(target.gateway), nowUs) : target))
  const failed = targets.find(({ state }) => state === 'failed')
  if (failed) return { update: { ...update, targets, state: 'failed', endedBecause: `${failed.gateway}: ${failed.detail ?? 'failed'}` }, order: [] }
  const told = new Set(targets.filter((target, i) => target.state === 'ordered' && update.targets[i]?.state === 'waiting').map(({ gateway }) => gateway))
  const moved = { ...update, targets }
  if (targets.some(({ stage, state }) => stage === update.stage && state !== 'done')) return { update: moved, order: [...told] }
  const last = Math.max(...targets.map(({ stage }) => stage))
  if (update.stage >= last) return { update: { ...moved, state: 'completed', endedBecause: null }, order: [] }
  return stepFleetUpdate({ ...moved, stage: update.stage + 1 }, seen, nowUs)
}

export function stopFleetUpdate(update: FleetUpdate, reason: string): FleetUpdate {
  return update.state === 'running' ? { ...update, state: 'stopped', endedBecause: reason } : update
}

function stepTarget({ kind, settleSeconds, withinSeconds }: FleetUpdate, target: UpdateTarget, seen: GatewaySeen | undefined, nowUs: number): UpdateTarget {
  if (target.state === 'done' || target.state === 'failed') return target
  const failed = (detail: string): UpdateTarget => ({ ...target, state: 'failed', detail: detail.slice(0, 500) })
  const runsIt = seen?.runs?.name === target.wants && !seen.runs.trial
  const silent = seen?.reportedUs === null || seen?.reportedUs === undefined || nowUs - seen.reportedUs > SILENT_AFTER_US
  if (target.state === 'waiting') {
    // Somebody was there before: nothing has to be told, and it is watched all the same.
    return runsIt && !silent ? { ...target, state: 'well', orderedUs: nowUs, wellSinceUs: nowUs } : { ...target, state: 'ordered', orderedUs: nowUs }
  }
  const orderedUs = target.orderedUs ?? nowUs
  if (seen?.rolledBack && seen.rolledBack.order === seen.order?.id) return failed(`it went back: ${seen.rolledBack.why}`)
  if (seen?.order?.state === 'refused') return failed(`it refuses: ${seen.order.detail ?? 'no reason given'}`)
  if (target.state === 'well' && !runsIt) return failed(kind === 'program' ? `it runs ${seen?.runs?.name ?? 'something else'} again` : `another site file is in force there: ${seen?.runs?.name.slice(0, 8) ?? 'it does not say which'}`)
  const heardSince = seen?.reportedUs !== null && seen?.reportedUs !== undefined && seen.reportedUs >= orderedUs
  if (silent && heardSince) return failed('it fell silent after it was told; look whether it runs and reaches the broker')
  if (!runsIt || silent) {
    if (nowUs - orderedUs <= withinSeconds * 1e6) return target
    return failed(heardSince ? `it does not run it after ${withinSeconds} s` : `nothing was heard of it for ${withinSeconds} s`)
  }
  const wellSinceUs = target.wellSinceUs ?? nowUs
  return { ...target, wellSinceUs, state: nowUs - wellSinceUs >= settleSeconds * 1e6 ? 'done' : 'well' }
}

/** A stage is given by names, or as a share of all (per cent, cumulative). */
export type StageWanted = readonly string[] | number

/**
 * Which gateway is of which stage: names where they are named, shares filled up in the order of ids. Who is left over is of
 * no stage. Undefined names are for the caller to refuse.
 */
export function stagesOf(gateways: readonly string[], stages: readonly StageWanted[]): Map<string, number> {
  const found = new Map<string, number>()
  const free = [...gateways].sort()
  for (const [stage, wanted] of stages.entries()) if (typeof wanted !== 'number') for (const gateway of wanted) if (!found.has(gateway)) found.set(gateway, stage)
  for (const [stage, wanted] of stages.entries()) {
    if (typeof wanted !== 'number') continue
    const most = Math.ceil((free.length * wanted) / 100)
    const before = () => [...found.values()].filter((at) => at <= stage).length
    for (const gateway of free) if (!found.has(gateway) && before() < most) found.set(gateway, stage)
  }
  return found
}
