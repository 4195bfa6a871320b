import { z } from 'zod'
import { demand, type Actor } from '../../domain/access/rights.ts'
import { slugSchema } from '../../domain/contract/primitives.ts'
import { DomainError } from '../../domain/errors.ts'
import { insertMessage } from '../../store/gate-parts.ts'
import type { ServiceContext } from '../context.ts'
import { onGate, stepHeld } from './gate-action.ts'
import { tellGate } from './gate-talk.ts'

export const answerGateInput = z.object({ site: slugSchema, gate: z.uuid(), comment: z.string().trim().min(1).max(4000) })
export type AnswerGateInput = z.output<typeof answerGateInput>

/** The requester answers what was asked, so that the gate can be approved again. The same answer twice is one. */
export async function answerGate(ctx: ServiceContext, actor: Actor, input: AnswerGateInput): Promise<{ gate: string; answered: number }> {
  demand(actor, 'gate.request', input.site)
  return onGate(ctx, input, async (tx, held, nowUs) => {
    const { row } = held
    const stepped = await stepHeld(tx, held, { kind: 'answer', by: actor.id, text: input.comment }, nowUs)
    if (stepped instanceof DomainError) return stepped
    const asked = stepped.before.questions
    if (stepped.outcome.changed) {
      const message = await insertMessage(tx, { site: row.site, gateId: row.gateId, kind: 'answer', actorId: actor.id, onBehalfOf: null, text: input.comment, nowUs })
      await tellGate(tx, row, actor, {
        verb: 'answer-gate', kind: 'gate.answered', key: `message/${message}`, nowUs, body: { comment: input.comment, askedBy: [...new Set(asked.map(({ by }) => by))] },
      })
    }
    return { gate: row.gateId, answered: asked.length }
  })
}
