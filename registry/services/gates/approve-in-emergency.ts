import { z } from 'zod'
import { demand, type Actor } from '../../domain/access/rights.ts'
import { sha256Schema, slugSchema } from '../../domain/contract/primitives.ts'
import { microsToIso } from '../../domain/contract/time.ts'
import { DomainError } from '../../domain/errors.ts'
import type { ReviewState } from '../../domain/gates/gate.ts'
import { wantedText } from '../../domain/gates/quorum.ts'
import { insertDecision } from '../../store/gate-parts.ts'
import { endReview, setReviewDue } from '../../store/gates.ts'
import type { ServiceContext } from '../context.ts'
import { demandEvidence } from './decide-gate.ts'
import { onGate, stepHeld } from './gate-action.ts'
import { closeGate } from './gate-closing.ts'
import { effectOf, putInForce } from './gate-effect.ts'
import { tellGate } from './gate-talk.ts'
import { voiceAt } from './gate-voice.ts'

export const approveInEmergencyInput = z.object({
  site: slugSchema, gate: z.uuid(), evidenceDigest: sha256Schema.describe('Of the evidence you looked at'),
  reason: z.string().trim().min(10).max(2000).describe('What the emergency is; told to everybody'),
})
export type ApproveInEmergencyInput = z.output<typeof approveInEmergencyInput>

export interface EmergencyApproved { readonly state: 'approved'; readonly assignment: string | null; readonly review: { readonly state: ReviewState; readonly due: string } }

/**
 * One approver puts it in force alone, where the family's rules know that way: loud, and reviewed afterwards by the normal
 * approvers. It asks nothing of Temporal, which may be away in an emergency. Refuses as a decision does, and `forbidden`
 * where the rules know no emergency.
 */
export async function approveInEmergency(ctx: ServiceContext, actor: Actor, input: ApproveInEmergencyInput): Promise<EmergencyApproved> {
  demand(actor, 'gate.decide', input.site)
  const { evidenceDigest, reason } = input
  return onGate(ctx, input, async (tx, held, nowUs) => {
    const { row } = held
    const { site, gateId } = row
    demandEvidence(held)
    const found = await voiceAt(tx, held, { actor: actor.id, onBehalfOf: actor.id }, nowUs)
    if (found instanceof DomainError) return found
    const stepped = await stepHeld(tx, held, { kind: 'approve-in-emergency', ...found.voice, evidenceDigest, reason }, nowUs)
    if (stepped instanceof DomainError) return stepped
    const { after, outcome } = stepped
    const review = after.review
    if (review === undefined) throw new Error(`gate ${gateId} was approved in an emergency without a review to come`)
    if (outcome.changed) {
      await insertDecision(tx, { site, gateId, actorId: actor.id, onBehalfOf: null, roles: found.voice.roles, stage: 'emergency', verdict: 'approve', evidenceDigest, comment: reason, nowUs })
      await setReviewDue(tx, gateId, review.dueUs)
      await putInForce(tx, held, after, nowUs)
      await closeGate(tx, row, { state: 'approved', by: actor, because: after.closedBecause ?? null, nowUs })
      await tellGate(tx, row, actor, {
        verb: 'approve-in-emergency', kind: 'gate.emergency-approved', key: 'emergency', nowUs,
        body: { reason, evidenceDigest, roles: [...found.voice.roles], review: review.state, reviewDue: microsToIso(review.dueUs), wanted: wantedText(after), assignment: await effectOf(tx, row) },
      })
      // All others had approved before: there is nobody left to ask.
      if (review.state === 'confirmed') await endReview(tx, gateId, { state: 'confirmed', because: null, nowUs })
    }
    return { state: 'approved', assignment: await effectOf(tx, row), review: { state: review.state, due: microsToIso(review.dueUs) } }
  })
}
