import { z } from 'zod'
import { demand, type Actor } from '../../domain/access/rights.ts'
import { sha256Schema, slugSchema } from '../../domain/contract/primitives.ts'
import { DomainError } from '../../domain/errors.ts'
import type { ReviewState } from '../../domain/gates/gate.ts'
import { insertDecision } from '../../store/gate-parts.ts'
import { endReview } from '../../store/gates.ts'
import { signalWorkflow, workflowCalls } from '../../store/workflow-calls.ts'
import type { ServiceContext } from '../context.ts'
import { onBehalfOf } from './decide-gate.ts'
import { onGate, stepHeld } from './gate-action.ts'
import { takeBack, type TakenBack } from './gate-effect.ts'
import { tellGate } from './gate-talk.ts'
import { deciderAt } from './gate-voice.ts'

export const reviewGateInput = z.object({
  site: slugSchema, gate: z.uuid(), onBehalfOf,
  verdict: z.enum(['confirm', 'reject']),
  evidenceDigest: sha256Schema.describe('Of the evidence you looked at'),
  comment: z.string().trim().max(4000).default('').describe('Needed to reject'),
})
export type ReviewGateInput = z.output<typeof reviewGateInput>

export interface GateReviewed extends TakenBack { readonly review: ReviewState; readonly approvals: number; readonly required: number }

/**
 * The normal approvers review what one approved alone: confirmed when as many as the rules ask for agree, rejected by one.
 * A rejection rolls back what is still in force, in the same transaction, or says why it does not. Refuses as a
 * decision does, and `conflict` where nothing waits for a review.
 */
export async function reviewGate(ctx: ServiceContext, actor: Actor, input: ReviewGateInput): Promise<GateReviewed> {
  demand(actor, 'gate.take-part', input.site)
  const { verdict, evidenceDigest, comment } = input
  return onGate(ctx, input, async (tx, held, nowUs) => {
    const { row } = held
    const { site, gateId } = row
    const found = await deciderAt(tx, held, { actor: actor.id, onBehalfOf: input.onBehalfOf }, nowUs)
    if (found instanceof DomainError) return found
    const { voice } = found
    const stepped = await stepHeld(tx, held, verdict === 'confirm'
      ? { kind: 'confirm', ...voice, evidenceDigest }
      : { kind: 'overturn', ...voice, evidenceDigest, reason: comment }, nowUs)
    if (stepped instanceof DomainError) return stepped
    const { after, outcome } = stepped
    const state = after.review?.state ?? 'due'
    let taken: TakenBack = { rolledBack: null, note: verdict === 'confirm' ? '' : 'reviewed before' }
    if (outcome.changed) {
      const forWhom = voice.onBehalfOf ?? null
      await insertDecision(tx, {
        site, gateId, actorId: actor.id, onBehalfOf: forWhom, roles: voice.roles, stage: 'review', verdict: verdict === 'confirm' ? 'approve' : 'reject', evidenceDigest, comment, nowUs,
      })
      if (state !== 'due') {
        await endReview(tx, gateId, { state, because: after.review?.because ?? null, nowUs })
        // Its workflow waited for this alone: it reads the row and ends.
        await signalWorkflow(tx, site, workflowCalls.gate(gateId), workflowCalls.signals.withdrawGate, `gate/${gateId}/reviewed`)
      }
      if (state === 'rejected' && held.seat !== null) taken = await takeBack(tx, held, { actor, reason: `review of the emergency rejected: ${comment}`, nowUs })
      await tellGate(tx, row, actor, {
        verb: 'review-gate', kind: 'gate.reviewed', key: `reviewed/${actor.id}`, nowUs,
        body: { verdict, review: state, evidenceDigest, comment, onBehalfOf: forWhom, roles: [...voice.roles], approvals: outcome.approvals, required: outcome.required, ...taken },
      })
    }
    return { review: state, approvals: outcome.approvals, required: outcome.required, ...taken }
  })
}
