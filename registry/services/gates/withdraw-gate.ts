import { z } from 'zod'
import { demand, type Actor } from '../../domain/access/rights.ts'
import { slugSchema } from '../../domain/contract/primitives.ts'
import { DomainError } from '../../domain/errors.ts'
import { recordAudit } from '../../store/audit.ts'
import type { Tx } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'
import { onGate, stepHeld, type HeldGate } from './gate-action.ts'
import { closeGate } from './gate-closing.ts'

export const withdrawGateInput = z.object({ site: slugSchema, gate: z.uuid(), reason: z.string().min(1).max(2000) })
export type WithdrawGateInput = z.infer<typeof withdrawGateInput>

export interface Withdrawn { readonly gate: string; readonly state: 'withdrawn' }

/** The requester takes the request back, while it collects or waits. Withdrawing twice is withdrawing once. */
export async function withdrawGate(ctx: ServiceContext, actor: Actor, input: WithdrawGateInput): Promise<Withdrawn> {
  demand(actor, 'gate.request', input.site)
  return onGate(ctx, input, (tx, held, nowUs) => withdrawHeld(tx, held, actor, input.reason, nowUs))
}

/** The same of a gate that the transaction holds already. */
export async function withdrawHeld(tx: Tx, held: HeldGate, actor: Actor, reason: string, nowUs: number): Promise<Withdrawn | DomainError> {
  const { row } = held
  const stepped = await stepHeld(tx, held, { kind: 'withdraw', by: actor.id, reason }, nowUs)
  if (stepped instanceof DomainError) return stepped
  if (stepped.outcome.changed) {
    await closeGate(tx, row, { state: 'withdrawn', by: actor, because: reason, nowUs })
    await recordAudit(tx, { actor, verb: 'withdraw-gate', subject: `gate/${row.gateId}`, detail: { reason } })
  }
  return { gate: row.gateId, state: 'withdrawn' }
}
