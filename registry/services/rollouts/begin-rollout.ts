import { refuse } from '../../domain/errors.ts'
import { principalOf, type Gate } from '../../domain/gates/gate.ts'
import type { RolloutPlan } from '../../domain/rollout/plan.ts'
import { seatsOf, startRollout } from '../../domain/rollout/rollout.ts'
import { recordAudit } from '../../store/audit.ts'
import type { ReleaseGate } from '../../store/gates.ts'
import { appendLedger } from '../../store/ledger.ts'
import { announce } from '../../store/outbox.ts'
import { insertRollout, lockRolloutsOf, readRollout, runningRollout } from '../../store/rollouts.ts'
import type { Tx } from '../../store/transaction.ts'
import { startRolloutWorkflow } from '../../store/workflow-calls.ts'
import { fillSeats, noSeats } from './fill-seats.ts'
import { factsOf, rolloutActor, sameScope, supersedeRollout } from './rollout-change.ts'

/**
 * The first stage of what a gate approved, in the transaction of its last approval. One that runs for the same seat gives way; one
 * for another seat of the family refuses it (`conflict`): two at once could not be told apart by what the guards see.
 */
export async function beginRollout(tx: Tx, gate: ReleaseGate, plan: RolloutPlan, approved: Gate, nowUs: number): Promise<void> {
  const { site, family, scope, gateId, releaseRef } = gate
  await lockRolloutsOf(tx, gate)
  const running = await runningRollout(tx, gate)
  if (running !== null && !sameScope(running.scope, scope)) {
    refuse('conflict', `${running.release} is on its way into force over ${running.scope.kind} ${running.scope.id} (rollout ${running.rolloutId}), and a family has one rollout at a time; `
      + 'approve this when that one has ended, or stop it', { rollout: running.rolloutId })
  }
  await supersedeRollout(tx, { site, family, role: 'champion', scope }, { actor: rolloutActor, reason: `gate ${gateId} began another rollout`, nowUs })
  const started = startRollout(plan, nowUs)
  await insertRollout(tx, { ...started, rolloutId: gateId, site, family, scope, releaseRef, formerRef: gate.replacesReleaseRef, nowUs })
  const row = await readRollout(tx, gateId)
  const { moved } = await fillSeats(tx, row, noSeats, seatsOf(started), { actor: rolloutActor, reason: gate.reason, nowUs })
  const body = {
    ...factsOf(row), stage: row.stage, plan, assignments: moved, gate: gateId, evidenceDigest: gate.evidenceDigest, approvedBy: approved.approvals.map(principalOf),
    emergency: approved.emergency ? { by: approved.emergency.by, reason: approved.emergency.reason } : null, requestedBy: gate.requestedBy, reason: gate.reason,
  }
  await appendLedger(tx, { site, kind: 'rollout.started', subject: `release/${row.release}`, actor: rolloutActor, body })
  await recordAudit(tx, { site, actor: rolloutActor, verb: 'begin-rollout', subject: `rollout/${gateId}`, detail: { stage: row.stage, release: row.release } })
  await announce(tx, { site, id: `rollout/${gateId}/started`, type: 'rollout.started', atUs: nowUs, data: body })
  await startRolloutWorkflow(tx, site, gateId)
}
