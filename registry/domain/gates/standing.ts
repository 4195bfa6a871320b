import { voicesOf, type Standing } from './delegation.ts'
import { principalOf, type Gate, type Voice } from './gate.ts'
import { stepGate } from './step.ts'

/*
 * What could be done at a gate now, by trying it: the machine that decides is the one that is asked, so that what people are
 * shown and what they are answered cannot differ.
 */

/** Whether this voice could decide: on an open gate, or in the review of an emergency. Whoever may reject may also approve, once all that was asked is answered. */
export function canDecide(gate: Gate, voice: Voice, nowUs: number): boolean {
  const kind = gate.review?.state === 'due' ? 'overturn' as const : 'reject' as const
  return changes(gate, { kind, ...voice, evidenceDigest: gate.evidenceDigest, reason: 'tried' }, nowUs)
}

/** In whose names somebody could decide, their own first; nobody's where the list is empty. */
export const decidingFor = (gate: Gate, actor: Standing, delegators: readonly Standing[], nowUs: number): string[] =>
  voicesOf(actor, delegators).filter((voice) => canDecide(gate, voice, nowUs)).map(principalOf)

/** Whether somebody could approve alone, declaring an emergency. */
export function canDeclare(gate: Gate, actor: Standing, nowUs: number): boolean {
  const [own] = voicesOf(actor, [])
  return own !== undefined && changes(gate, { kind: 'approve-in-emergency', ...own, evidenceDigest: gate.evidenceDigest, reason: 'tried' }, nowUs)
}

function changes(...tried: Parameters<typeof stepGate>): boolean {
  const result = stepGate(...tried)
  return result.ok && result.outcome.changed
}
