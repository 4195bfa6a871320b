import { platformActor } from '../../domain/access/rights.ts'
import type { EventType } from '../../domain/contract/bus-event.ts'
import type { GuardReading } from '../../domain/rollout/guards.ts'
import { seatsOf, stepRollout, type Rollout, type RolloutChange } from '../../domain/rollout/rollout.ts'
import type { RolloutStage } from '../../domain/rollout/plan.ts'
import type { Seat, SeatScope } from '../../store/assignments.ts'
import { recordAudit } from '../../store/audit.ts'
import { appendLedger } from '../../store/ledger.ts'
import { announce } from '../../store/outbox.ts'
import { lockRollout, runningRollout, runningRolloutOfGate, updateRollout, type RolloutRow } from '../../store/rollouts.ts'
import type { Tx } from '../../store/transaction.ts'
import { signalWorkflow, workflowCalls } from '../../store/workflow-calls.ts'
import { fillSeats, type FilledSeats, type FillingBy } from './fill-seats.ts'
import { rescoreJudged } from './rescore-judged.ts'

/** What audit and bus call a change. */
const TOLD: Readonly<Record<RolloutChange, { verb: string; event: EventType }>> = {
  advanced: { verb: 'advance-rollout', event: 'rollout.advanced' },
  ready: { verb: 'ready-rollout', event: 'rollout.ready' },
  completed: { verb: 'complete-rollout', event: 'rollout.completed' },
  stopped: { verb: 'stop-rollout', event: 'rollout.stopped' },
  'rolled-back': { verb: 'roll-back-rollout', event: 'rollout.rolled-back' },
  superseded: { verb: 'supersede-rollout', event: 'rollout.superseded' },
}

export interface ChangeBy extends FillingBy {
  readonly readings?: readonly GuardReading[]
  readonly stopRequest?: string
  /** Whether what it judged is judged anew once it is taken back; absent: as its plan says. */
  readonly rescore?: boolean
}

export interface Changed extends Pick<FilledSeats, 'back'> {
  /** The operation that judges anew what the release judged; null: none. */
  readonly rescore: string | null
}

const TAKEN_BACK: ReadonlySet<RolloutChange> = new Set(['stopped', 'rolled-back'])

/**
 * Carries a change of the machine out: row, assignments, ledger, audit, event, a rescore where it is wanted, and a word to the
 * workflow. The caller holds seat and row.
 */
export async function changeRollout(tx: Tx, before: RolloutRow, stepped: Rollout, change: RolloutChange, by: ChangeBy): Promise<Changed> {
  const { rolloutId, site } = before
  const stays = seatsOf(stepped).champion === 'former' && before.former === null
  const after = stays ? { ...stepped, endedBecause: `${stepped.endedBecause ?? ''}; nothing judged before it, so it goes on judging: ask for another release` } : stepped
  await updateRollout(tx, before, after, by.stopRequest ?? null)
  const filled = await fillSeats(tx, before, seatsOf(before), seatsOf(after), by)
  const rescore = TAKEN_BACK.has(change) && (by.rescore ?? before.plan.rescore ?? false) ? await rescoreJudged(tx, before, by) : null
  const body = {
    ...factsOf(before), from: before.stage, stage: after.stage, state: after.state, because: after.endedBecause ?? null, assignments: filled.moved, ...(rescore !== null && { rescore }),
    ...(by.readings && { readings: by.readings }),
  }
  // That it waits for somebody changes nothing of what judges.
  if (change !== 'ready') await appendLedger(tx, { site, kind: `rollout.${change}`, subject: `release/${before.release}`, actor: by.actor, body })
  await recordAudit(tx, { site, actor: by.actor, verb: TOLD[change].verb, subject: `rollout/${rolloutId}`, detail: { from: before.stage, stage: after.stage, reason: by.reason } })
  await announce(tx, { site, id: `rollout/${rolloutId}/${change}/${after.stage}`, type: TOLD[change].event, atUs: by.nowUs, data: { ...body, by: by.actor.id } })
  await signalWorkflow(tx, site, workflowCalls.rollout(rolloutId), workflowCalls.signals.rolloutChanged, `rollout/${rolloutId}/${change}/${after.stage}`)
  return { back: filled.back, rescore }
}

export const factsOf = ({ rolloutId, family, scope, release, former }: Pick<RolloutRow, 'rolloutId' | 'family' | 'scope' | 'release' | 'former'>) =>
  ({ rollout: rolloutId, family, scope, release, former: former?.release ?? null })

export const sameScope = (a: SeatScope, b: SeatScope): boolean => a.kind === b.kind && a.id === b.id

/** Ends a rollout whose seat something else is about to fill; the caller holds the seat. */
export async function supersedeRollout(tx: Tx, seat: Seat, by: FillingBy): Promise<void> {
  if (seat.role !== 'champion') return
  const running = await runningRollout(tx, seat)
  if (running === null || !sameScope(running.scope, seat.scope)) return
  const row = await lockRollout(tx, running.rolloutId)
  const result = stepRollout(row, { kind: 'supersede', by: by.actor.id, reason: by.reason }, by.nowUs)
  if (result.ok && result.change !== null) await changeRollout(tx, row, result.rollout, result.change, by)
}

/** Stops the rollout that a gate let begin, if it still runs; null: it does not. The caller holds the seat. */
export async function stopRolloutOfGate(tx: Tx, gateId: string, by: FillingBy): Promise<{ stage: RolloutStage; back: FilledSeats['back'] } | null> {
  if (await runningRolloutOfGate(tx, gateId) === null) return null
  const row = await lockRollout(tx, gateId)
  const result = stepRollout(row, { kind: 'stop', by: by.actor.id, reason: by.reason }, by.nowUs)
  if (!result.ok || result.change === null) return null
  const { back } = await changeRollout(tx, row, result.rollout, result.change, by)
  return { stage: row.stage, back }
}

/** Who acts where no person does. */
export const rolloutActor = platformActor('rollouts')
