import { z } from 'zod'
import { sha256Schema, slugSchema } from '../../domain/contract/primitives.ts'
import { DomainError, refuse } from '../../domain/errors.ts'
import type { GateState } from '../../domain/gates/gate.ts'
import { insertDecision } from '../../store/gate-parts.ts'
import type { Tx } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'
import { onGate, stepHeld, type HeldGate } from './gate-action.ts'
import { closeGate } from './gate-closing.ts'
import { effectOf, putInForce } from './gate-effect.ts'
import { tellGate } from './gate-talk.ts'
import { deciderAt } from './gate-voice.ts'

export const onBehalfOf = slugSchema.nullable().default(null).describe('Whoever delegated to you, where you decide for them; null: for yourself, or for the only one you may')

export const decideGateInput = z.object({
  site: slugSchema,
  gate: z.uuid(),
  actor: z.string().min(1).max(200),
  onBehalfOf,
  verdict: z.enum(['approve', 'reject']),
  evidenceDigest: sha256Schema.describe('Digest of the evidence the decision was made on'),
  comment: z.string().max(4000).default(''),
})
export type DecideGateInput = z.input<typeof decideGateInput>

export interface GateDecided { readonly state: GateState; readonly approvals: number; readonly required: number; readonly assignment: string | null }

/**
 * One decision, in one transaction: roles and delegations looked up there, the gate locked, the decision, and, when it was
 * the last approval wanted, the switch, ledger, audit and events. Deciding the same again gives the same answer. Called by
 * the gate's workflow; `actor` was authenticated by whoever sent the Update.
 *
 * Refuses `separation_of_duties`, `forbidden`, `ambiguous`, `evidence_changed`, `expired`, `gate_closed`, `conflict`
 * (decided before; changes asked for and not answered), `invalid` (a rejection without a reason), and `stale_state` while
 * the evidence is still being collected.
 */
export async function decideGate(ctx: Pick<ServiceContext, 'pool' | 'nowUs'>, input: DecideGateInput): Promise<GateDecided> {
  return onGate(ctx, input, (tx, held, nowUs) => decide(tx, held, decideGateInput.parse(input), nowUs))
}

async function decide(tx: Tx, held: HeldGate, input: z.output<typeof decideGateInput>, nowUs: number): Promise<GateDecided | DomainError> {
  const { row } = held
  demandEvidence(held)
  const found = await deciderAt(tx, held, input, nowUs)
  if (found instanceof DomainError) return found
  const { voice, actor } = found
  const { verdict, evidenceDigest, comment } = input
  const stepped = await stepHeld(tx, held, verdict === 'approve'
    ? { kind: 'approve', ...voice, evidenceDigest }
    : { kind: 'reject', ...voice, evidenceDigest, reason: comment }, nowUs)
  if (stepped instanceof DomainError) return stepped
  const { after, outcome } = stepped
  if (outcome.changed) {
    const { site, gateId } = row
    const forWhom = voice.onBehalfOf ?? null
    await insertDecision(tx, { site, gateId, actorId: actor.id, onBehalfOf: forWhom, roles: voice.roles, stage: 'decision', verdict, evidenceDigest, comment, nowUs })
    await tellGate(tx, row, actor, {
      verb: 'decide-gate', kind: 'gate.decided', key: `decided/${actor.id}`, nowUs,
      body: { verdict, evidenceDigest, comment, onBehalfOf: forWhom, roles: [...voice.roles], approvals: outcome.approvals, required: outcome.required },
    })
    if (after.state === 'approved') await putInForce(tx, held, after, nowUs)
    if (after.state !== 'open') await closeGate(tx, row, { state: after.state, by: actor, because: after.closedBecause ?? null, nowUs })
  }
  return { state: outcome.state, approvals: outcome.approvals, required: outcome.required, assignment: await effectOf(tx, row) }
}

/** Refuses (`stale_state`) while there is nothing yet to decide on. */
export function demandEvidence({ row }: Pick<HeldGate, 'row'>): void {
  if (row.state === 'collecting') refuse('stale_state', `gate ${row.gateId} is still collecting its evidence; decide when it is open`, { gate: row.gateId })
}
