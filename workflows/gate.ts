import {
  allHandlersFinished, ApplicationFailure, condition, continueAsNew, defineQuery, defineSignal, defineUpdate, isCancellation, log, setHandler, workflowInfo,
} from '@temporalio/workflow'
import { messageNames, type GateDecisionInput, type GateDecisionResult, type GateInput, type GateResult } from './messages.ts'
import { checkGate, collectEvidence, decideGate, voidGate } from './proxies.ts'

export const decideGateUpdate = defineUpdate<GateDecisionResult, [GateDecisionInput]>(messageNames.decideGate)
/** The row changed without this workflow: withdrawn, voided, decided or talked about elsewhere. */
export const gateChangedSignal = defineSignal(messageNames.withdrawGate)
export const gateStatusQuery = defineQuery<{ phase: Phase }>(messageNames.status)

type Phase = 'collecting' | 'open' | 'closed'

/** A timer shorter than this would only ask the same question twice: the two clocks differ by more. */
const LEAST_WAIT_MS = 250

/**
 * Waits, for days if need be, until a gate is closed and, if it was an emergency, reviewed. The gate's row in PostgreSQL is
 * the truth: this workflow has the evidence collected, brings decisions to the one transaction that takes them, and
 * watches the clock. Started anew from the row (Temporal lost its memory, or the history grew long) it goes on where the
 * row stands.
 */
export async function waitForGate(input: GateInput): Promise<GateResult> {
  const gate = { site: input.site, gateId: input.gateId }
  let phase: Phase = 'collecting'
  let changed = false

  setHandler(decideGateUpdate, async (decision) => {
    // Opening takes moments; who decides meanwhile waits for it. Past that the activity itself says that it is not open.
    await condition(() => phase !== 'collecting', '8 seconds')
    const result = await decideGate({ ...gate, ...decision })
    if (result.state !== 'open') changed = true
    return result
  }, { validator: (decision: GateDecisionInput) => { checkDecision(decision, phase) } })
  setHandler(gateChangedSignal, () => { changed = true })
  setHandler(gateStatusQuery, () => ({ phase }))

  try {
    await collectEvidence(gate)
  } catch (error) {
    if (isCancellation(error)) throw error
    log.warn('evidence cannot be collected', { gate: input.gateId, error: String(error) })
    await voidGate({ ...gate, because: `its evidence could not be collected: ${rootMessage(error)}` })
  }

  for (;;) {
    changed = false
    const standing = await checkGate(gate)
    const open = standing.state === 'collecting' || standing.state === 'open'
    phase = open ? 'open' : 'closed'
    // An emergency is decided but not done with: its review is waited for.
    if (!open && standing.review !== 'due') {
      await condition(allHandlersFinished)
      return { state: standing.state, assignment: standing.assignment }
    }
    if (workflowInfo().continueAsNewSuggested) {
      await condition(allHandlersFinished)
      await continueAsNew<typeof waitForGate>(input)
    }
    // What is new here follows from what the activity says, which a recorded history holds: one from before there were
    // reminders, or escalations, names no time for them and sets the timers it did.
    const wakeAtUs = standing.wakeAtUs ?? Math.min(standing.expiresAtUs, standing.remindAtUs ?? Infinity)
    // Decisions that are refused change nothing, yet they make the history longer: it is looked at while waiting.
    await condition(() => changed || workflowInfo().continueAsNewSuggested, Math.max(LEAST_WAIT_MS, wakeAtUs / 1000 - Date.now()))
  }
}

/** Shape and phase only, and at once: whoever decides whether it is right looks into the database, in the activity. */
function checkDecision(decision: Partial<GateDecisionInput> | undefined, phase: Phase): void {
  if (phase === 'closed') throw ApplicationFailure.nonRetryable('the gate is closed; look at it again', 'gate_closed')
  const { actor, verdict, evidenceDigest, comment, onBehalfOf = null } = decision ?? {}
  const shaped = typeof actor === 'string' && actor !== '' && (verdict === 'approve' || verdict === 'reject')
    && typeof evidenceDigest === 'string' && /^[0-9a-f]{64}$/.test(evidenceDigest) && typeof comment === 'string' && comment.length <= 4000
    && (onBehalfOf === null || (typeof onBehalfOf === 'string' && onBehalfOf !== ''))
  if (!shaped) {
    throw ApplicationFailure.nonRetryable(
      'a decision is { actor, verdict: "approve" | "reject", evidenceDigest: SHA-256 in hex, comment: up to 4000 characters, onBehalfOf?: who delegated }', 'invalid',
    )
  }
}

function rootMessage(error: unknown): string {
  let at: unknown = error
  while (at instanceof Error && at.cause instanceof Error && !(at instanceof ApplicationFailure)) at = at.cause
  return at instanceof Error ? at.message : String(at)
}
