import { z } from 'zod'
import { demand, may, phraseOf, type Actor } from '../../domain/access/rights.ts'
import { slugSchema } from '../../domain/contract/primitives.ts'
import { DomainError, refuse } from '../../domain/errors.ts'
import { findActor } from '../../store/actors.ts'
import { putReviewer } from '../../store/gate-parts.ts'
import type { ServiceContext } from '../context.ts'
import { onBehalfOf } from './decide-gate.ts'
import { onGate, stepHeld } from './gate-action.ts'
import { tellGate } from './gate-talk.ts'
import { voiceAt } from './gate-voice.ts'

export const addReviewerInput = z.object({
  site: slugSchema, gate: z.uuid(), reviewer: slugSchema.describe('Actor who is to look at it, and is told'),
  onBehalfOf,
  required: z.boolean().default(false).describe('Their approval is wanted too, beside those of the rules; it cannot be taken back'),
})
export type AddReviewerInput = z.output<typeof addReviewerInput>

/**
 * Names somebody who should look at the gate; the requester may, and whoever may decide, also for another. Refuses (`unprocessable`) who is
 * not active or, where their approval is required, could not give it.
 */
export async function addReviewer(
  ctx: ServiceContext, actor: Actor, input: AddReviewerInput,
): Promise<{ gate: string; reviewer: string; required: boolean }> {
  demand(actor, 'gate.take-part', input.site)
  return onGate(ctx, input, async (tx, held, nowUs) => {
    const { row } = held
    const { reviewer } = input
    const known = await findActor(tx, row.site, reviewer)
    if (!known || known.disabled) refuse('unprocessable', `${reviewer} is not an active actor of site ${row.site}; name another`, { reviewer })
    const right = input.required ? 'gate.decide' : 'read'
    if (!may({ id: reviewer, roles: known.roles, sites: [row.site] }, right, row.site)) {
      refuse('unprocessable', `${reviewer} may not ${phraseOf(right)} (${right}) at site ${row.site}, so could not ${input.required ? 'approve' : 'look at it'}; name another, or ask an admin for the role`, { reviewer })
    }
    const found = row.requestedBy === actor.id ? { voice: { by: actor.id, onBehalfOf: null, roles: actor.roles } } : await voiceAt(tx, held, { actor: actor.id, onBehalfOf: input.onBehalfOf }, nowUs)
    if (found instanceof DomainError) return found
    const stepped = await stepHeld(tx, held, { kind: 'add-reviewer', ...found.voice, reviewer, required: input.required }, nowUs)
    if (stepped instanceof DomainError) return stepped
    const required = stepped.after.reviewers.some((named) => named.id === reviewer && named.required)
    if (stepped.outcome.changed) {
      await putReviewer(tx, { site: row.site, gateId: row.gateId, actorId: reviewer, required, addedBy: actor.id, nowUs })
      await tellGate(tx, row, actor, {
        verb: 'add-reviewer', kind: 'gate.reviewer-added', key: `reviewer/${reviewer}/${required ? 'required' : 'named'}`, nowUs,
        body: { reviewer, required, onBehalfOf: found.voice.onBehalfOf ?? null, reason: row.reason },
      })
    }
    return { gate: row.gateId, reviewer, required }
  })
}
