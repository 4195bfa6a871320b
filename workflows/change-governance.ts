import { waitForGate } from './gate.ts'
import type { GateInput, GateResult } from './messages.ts'

/** Other rules for a family wait to be put in force; their evidence came with the request. */
export async function changeGovernance(input: GateInput): Promise<GateResult> {
  return waitForGate(input)
}
