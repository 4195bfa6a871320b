import type { Role } from '../access/rights.ts'
import type { ErrorCode } from '../errors.ts'
import { isMaker, mayDecide, type Gate, type Voice } from './gate.ts'

/** Somebody as they stand when the decision is made: roles looked up then, and none when they may not decide at all. */
export interface Standing { readonly id: string; readonly roles: readonly Role[]; readonly mayDecide: boolean }

export type VoiceResult = { readonly ok: true; readonly voice: Voice } | { readonly ok: false; readonly code: ErrorCode; readonly message: string }

const rolesToDecide = ({ roles, mayDecide: may }: Standing): readonly Role[] => (may ? roles : [])
const ownVoice = (actor: Standing): Voice => ({ by: actor.id, onBehalfOf: null, roles: rolesToDecide(actor) })
const voiceFor = (actor: Standing, other: Standing): Voice => ({ by: actor.id, onBehalfOf: other.id, roles: rolesToDecide(other) })

/** Every voice that somebody has: their own first, then that of each who delegated to them. */
export const voicesOf = (actor: Standing, delegators: readonly Standing[]): Voice[] => [ownVoice(actor), ...delegators.map((other) => voiceFor(actor, other))]

/**
 * Whose decision it is. Somebody who may decide decides for themselves; else for the one person who delegated to them and
 * may. A delegation carries only what the delegator may do in their own right, so delegations make no chains.
 *
 * @param delegators those whose delegation to `actor` covers this gate and runs now
 * @param onBehalfOf for whom the actor says to decide; null leaves it open
 */
export function chooseVoice(
  gate: Pick<Gate, 'rules' | 'reviewers' | 'requestedBy' | 'authors'>, actor: Standing, delegators: readonly Standing[], onBehalfOf: string | null,
): VoiceResult {
  const own = ownVoice(actor)
  const ofOther = (other: Standing) => voiceFor(actor, other)
  if (onBehalfOf === actor.id) return { ok: true, voice: own }
  if (onBehalfOf !== null) {
    const other = delegators.find(({ id }) => id === onBehalfOf)
    return other === undefined
      ? { ok: false, code: 'forbidden', message: `${onBehalfOf} has not delegated to ${actor.id} here, or no longer; ask them for a delegation, or decide for yourself` }
      : { ok: true, voice: ofOther(other) }
  }
  if (actor.mayDecide && mayDecide(gate, own)) return { ok: true, voice: own }
  const usable = delegators.filter((other) => other.mayDecide && mayDecide(gate, ofOther(other)) && !isMaker(gate, other.id))
  const [only, another] = usable
  if (only !== undefined && another === undefined) return { ok: true, voice: ofOther(only) }
  if (another !== undefined) {
    return { ok: false, code: 'ambiguous', message: `${actor.id} may decide for ${usable.map(({ id }) => id).join(', ')}: say for whom (onBehalfOf)` }
  }
  return { ok: true, voice: own }
}

/**
 * The voice of a decision that was taken already, so that repeating it is a repeat, whatever was lost or revoked since.
 *
 * @param decisions those that the gate has, by whomever
 */
export function spokenVoice(
  decisions: readonly (Voice & { readonly onBehalfOf: string | null })[], actor: string, onBehalfOf: string | null,
): Voice | undefined {
  const spoken = decisions.find((decision) => decision.by === actor && (onBehalfOf === null || onBehalfOf === (decision.onBehalfOf ?? decision.by)))
  return spoken && { by: spoken.by, onBehalfOf: spoken.onBehalfOf, roles: spoken.roles }
}
