import { z } from 'zod'
import { slugSchema } from '../../domain/contract/primitives.ts'
import { demand, type Actor } from '../../domain/access/rights.ts'
import { DomainError } from '../../domain/errors.ts'
import { insertMessage } from '../../store/gate-parts.ts'
import type { ServiceContext } from '../context.ts'
import { demandEvidence, onBehalfOf } from './decide-gate.ts'
import { onGate, stepHeld } from './gate-action.ts'
import { tellGate } from './gate-talk.ts'
import { voiceAt } from './gate-voice.ts'

export const askChangesInput = z.object({
  site: slugSchema, gate: z.uuid(), onBehalfOf, comment: z.string().trim().min(1).max(4000).describe('What should change, and why'),
})
export type AskChangesInput = z.output<typeof askChangesInput>

/**
 * Somebody who may decide asks for changes: the gate stays open, and nothing can be approved until the requester answers or
 * makes a new proposal. Asking the same twice asks once. Refuses as a decision does.
 */
export async function askChanges(ctx: ServiceContext, actor: Actor, input: AskChangesInput): Promise<{ gate: string; changesAsked: number }> {
  demand(actor, 'gate.take-part', input.site)
  return onGate(ctx, input, async (tx, held, nowUs) => {
    const { row } = held
    demandEvidence(held)
    const found = await voiceAt(tx, held, { actor: actor.id, onBehalfOf: input.onBehalfOf }, nowUs)
    if (found instanceof DomainError) return found
    const stepped = await stepHeld(tx, held, { kind: 'ask-changes', ...found.voice, text: input.comment }, nowUs)
    if (stepped instanceof DomainError) return stepped
    if (stepped.outcome.changed) {
      const forWhom = found.voice.onBehalfOf ?? null
      const message = await insertMessage(tx, { site: row.site, gateId: row.gateId, kind: 'changes-asked', actorId: actor.id, onBehalfOf: forWhom, text: input.comment, nowUs })
      await tellGate(tx, row, actor, {
        verb: 'ask-changes', kind: 'gate.changes-asked', key: `message/${message}`, nowUs, body: { comment: input.comment, onBehalfOf: forWhom, requestedBy: row.requestedBy },
      })
    }
    return { gate: row.gateId, changesAsked: stepped.after.questions.length }
  })
}
