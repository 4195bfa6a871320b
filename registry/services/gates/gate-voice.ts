import { may, type Actor } from '../../domain/access/rights.ts'
import { DomainError } from '../../domain/errors.ts'
import { chooseVoice, spokenVoice, type Standing } from '../../domain/gates/delegation.ts'
import type { Voice } from '../../domain/gates/gate.ts'
import { findActor } from '../../store/actors.ts'
import { delegatorsTo } from '../../store/delegations.ts'
import type { Tx } from '../../store/transaction.ts'
import type { HeldGate } from './gate-action.ts'

/**
 * Who decides here and for whom, as of this transaction: a role taken away, an account disabled, a delegation revoked a
 * moment ago counts. A refusal (`forbidden`, `ambiguous`) is given back.
 */
export async function voiceAt(
  tx: Tx, { row, machine }: HeldGate, who: { actor: string; onBehalfOf: string | null }, nowUs: number,
): Promise<{ voice: Voice; actor: Actor } | DomainError> {
  const known = await findActor(tx, row.site, who.actor)
  if (!known || known.disabled) return new DomainError('forbidden', `${who.actor} is not an active actor of site ${row.site}`, { actor: who.actor })
  const actor: Actor = { id: known.actorId, roles: known.roles, sites: [row.site] }
  if (!may(actor, 'gate.take-part', row.site)) {
    return new DomainError('forbidden', `${actor.id} may not take part in gates of site ${row.site}: none of their roles (${actor.roles.join(', ') || 'none'}) does; ask an admin`, { actor: actor.id })
  }
  const standing = (id: string, roles: Actor['roles']): Standing => ({ id, roles, mayDecide: may({ id, roles, sites: [row.site] }, 'gate.decide', row.site) })
  const delegators = await delegatorsTo(tx, { site: row.site, family: row.family, delegate: actor.id, nowUs })
  const chosen = chooseVoice(machine, standing(actor.id, actor.roles), delegators.map(({ id, roles }) => standing(id, roles)), who.onBehalfOf)
  return chosen.ok ? { voice: chosen.voice, actor } : new DomainError(chosen.code, chosen.message, { gate: row.gateId })
}

/** The same for a decision: one that was taken already keeps its voice. */
export async function deciderAt(
  tx: Tx, held: HeldGate, who: { actor: string; onBehalfOf: string | null }, nowUs: number,
): Promise<{ voice: Voice; actor: Actor } | DomainError> {
  const spoken = spokenVoice(held.parts.decisions.filter(({ stage }) => stage !== 'emergency'), who.actor, who.onBehalfOf)
  return spoken ? { voice: spoken, actor: { id: spoken.by, roles: spoken.roles, sites: [held.row.site] } } : voiceAt(tx, held, who, nowUs)
}
