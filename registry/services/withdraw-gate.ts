import { z } from 'zod'
import { demand, type Actor } from '../domain/access/rights.ts'
import { slugSchema } from '../domain/contract/primitives.ts'
import { refuse } from '../domain/errors.ts'
import { decideGate as step } from '../domain/gates/gate.ts'
import { recordAudit } from '../store/audit.ts'
import { lockGate, toMachine } from '../store/gates.ts'
import { inSite } from '../store/transaction.ts'
import type { ServiceContext } from './context.ts'
import { closeGate } from './gate-closing.ts'

export const withdrawGateInput = z.object({ site: slugSchema, gate: z.uuid(), reason: z.string().min(1).max(2000) })
export type WithdrawGateInput = z.infer<typeof withdrawGateInput>

/** The requester takes the request back, while it collects or waits. Withdrawing twice is withdrawing once. */
export async function withdrawGate(ctx: ServiceContext, actor: Actor, input: WithdrawGateInput): Promise<{ gate: string; state: 'withdrawn' }> {
  demand(actor, 'gate.request', input.site)
  return inSite(ctx.pool, input.site, async (tx) => {
    const row = await lockGate(tx, input.gate)
    const machine = await toMachine(tx, row, [])
    const result = step(
      { ...machine, state: row.state === 'collecting' ? 'open' : row.state }, { kind: 'withdraw', by: actor.id, reason: input.reason }, ctx.nowUs(),
    )
    if (!result.ok) return refuse(result.code, result.message, { gate: row.gateId, state: result.gate.state })
    if (result.outcome.changed) {
      await closeGate(tx, row, { state: 'withdrawn', by: actor, because: input.reason, nowUs: ctx.nowUs() })
      await recordAudit(tx, { actor, verb: 'withdraw-gate', subject: `gate/${row.gateId}`, detail: { reason: input.reason } })
    }
    return { gate: row.gateId, state: 'withdrawn' }
  })
}
