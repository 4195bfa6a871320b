import { waitForGate } from './gate.ts'
import type { GateInput, GateResult } from './messages.ts'

/** A release with another model waits to be put in force. */
export async function promoteModel(input: GateInput): Promise<GateResult> {
  return waitForGate(input)
}
