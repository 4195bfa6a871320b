import { platformActor, type Actor } from '../../domain/access/rights.ts'
import type { GateState } from '../../domain/gates/gate.ts'
import type { Seat } from '../../store/assignments.ts'
import { recordAudit } from '../../store/audit.ts'
import { closeGateRow, readGate, rivalGates, type GateRow } from '../../store/gates.ts'
import { appendLedger } from '../../store/ledger.ts'
import { announce } from '../../store/outbox.ts'
import type { Tx } from '../../store/transaction.ts'
import { signalWorkflow, workflowCalls } from '../../store/workflow-calls.ts'
import { proposalOf } from './gate-proposal.ts'

/** Closes a gate: row, ledger, event, and a word to its workflow, which reads the row and ends. */
export async function closeGate(
  tx: Tx, gate: GateRow,
  closing: { state: Exclude<GateState, 'open'>; by: Actor; because: string | null; nowUs: number },
): Promise<void> {
  const { gateId, site } = gate
  await closeGateRow(tx, gateId, closing.state, closing.nowUs, closing.because)
  const { release, governanceVersion } = await proposalOf(tx, gate)
  const body = { gate: gateId, state: closing.state, because: closing.because, release, ...(governanceVersion !== null && { governanceVersion }), evidenceDigest: gate.evidenceDigest }
  // No verb of anybody's: what the clock or another gate did is audited here.
  if (closing.state === 'expired' || closing.state === 'voided') {
    await recordAudit(tx, { site, actor: closing.by, verb: closing.state === 'expired' ? 'expire-gate' : 'void-gate', subject: `gate/${gateId}`, detail: { because: closing.because } })
  }
  await appendLedger(tx, { site, kind: 'gate.closed', subject: `gate/${gateId}`, actor: closing.by, body })
  await announce(tx, { site, id: `gate/${gateId}/closed`, type: `gate.${closing.state}`, atUs: closing.nowUs, data: { ...body, family: gate.family, by: closing.by.id } })
  await signalWorkflow(tx, site, workflowCalls.gate(gateId), workflowCalls.signals.withdrawGate, `gate/${gateId}/closed`)
}

/** A seat changed hands: every other gate that would have changed it named something else to replace, and is void. */
export async function voidRivals(tx: Tx, seat: Seat, except: string | null, newRelease: string, nowUs: number): Promise<void> {
  for (const gateId of await rivalGates(tx, seat, except)) {
    await closeGate(
      tx, await readGate(tx, gateId),
      { state: 'voided', by: platformActor('gates'), because: `what it would replace changed: ${newRelease} is ${seat.role} now`, nowUs },
    )
  }
}
