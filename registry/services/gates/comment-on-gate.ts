import { z } from 'zod'
import { demand, type Actor } from '../../domain/access/rights.ts'
import { slugSchema } from '../../domain/contract/primitives.ts'
import { insertMessage } from '../../store/gate-parts.ts'
import { readGate } from '../../store/gates.ts'
import { inSite } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'
import { tellGate } from './gate-talk.ts'

export const commentOnGateInput = z.object({ site: slugSchema, gate: z.uuid(), comment: z.string().trim().min(1).max(4000) })
export type CommentOnGateInput = z.output<typeof commentOnGateInput>

/** Adds to a gate's thread, whatever its state; decides nothing. Refuses (`not_found`). */
export async function commentOnGate(ctx: ServiceContext, actor: Actor, input: CommentOnGateInput): Promise<{ gate: string; message: number }> {
  demand(actor, 'gate.take-part', input.site)
  const nowUs = ctx.nowUs()
  return inSite(ctx.pool, input.site, async (tx) => {
    const row = await readGate(tx, input.gate)
    const message = await insertMessage(tx, { site: row.site, gateId: row.gateId, kind: 'comment', actorId: actor.id, onBehalfOf: null, text: input.comment, nowUs })
    await tellGate(tx, row, actor, { verb: 'comment-on-gate', kind: 'gate.commented', key: `message/${message}`, nowUs, body: { comment: input.comment } })
    return { gate: row.gateId, message }
  })
}
