import { platformActor, type Actor } from '../domain/access/rights.ts'
import type { GateState } from '../domain/gates/gate.ts'
import { findRelease, type Seat } from '../store/assignments.ts'
import { closeGateRow, rivalGates, type GateRow } from '../store/gates.ts'
import { appendLedger } from '../store/ledger.ts'
import { announce } from '../store/outbox.ts'
import type { Tx } from '../store/transaction.ts'
import { signalWorkflow, workflowCalls } from '../store/workflow-calls.ts'

/** Closes a gate: row, ledger, event, and a word to its workflow, which reads the row and ends. */
export async function closeGate(
  tx: Tx, gate: Pick<GateRow, 'gateId' | 'site' | 'family' | 'releaseRef' | 'evidenceDigest'>,
  closing: { state: Exclude<GateState, 'open'>; by: Actor; because: string | null; nowUs: number },
): Promise<void> {
  const { gateId, site } = gate
  await closeGateRow(tx, gateId, closing.state, closing.nowUs, closing.because)
  const release = (await findRelease(tx, site, { releaseRef: gate.releaseRef }))?.release ?? null
  const body = { gate: gateId, state: closing.state, because: closing.because, release, evidenceDigest: gate.evidenceDigest }
  await appendLedger(tx, { site, kind: 'gate.closed', subject: `gate/${gateId}`, actor: closing.by, body })
  await announce(tx, { site, id: `gate/${gateId}/closed`, type: `gate.${closing.state}`, atUs: closing.nowUs, data: { ...body, family: gate.family, by: closing.by.id } })
  await signalWorkflow(tx, site, workflowCalls.gate(gateId), workflowCalls.signals.withdrawGate, `gate/${gateId}/closed`)
}

/** A seat changed hands: every other gate that would have changed it named something else to replace, and is void. */
export async function voidRivals(tx: Tx, seat: Seat, except: string | null, newRelease: string, nowUs: number): Promise<void> {
  for (const gateId of await rivalGates(tx, seat, except)) {
    const { rows } = await tx.query<{ release_ref: number; evidence_digest: string | null }>(
      'select release_ref, evidence_digest from gate where gate_id = $1', [gateId],
    )
    const rival = rows[0]
    if (!rival) continue
    await closeGate(
      tx, { gateId, site: seat.site, family: seat.family, releaseRef: rival.release_ref, evidenceDigest: rival.evidence_digest },
      { state: 'voided', by: platformActor('gates'), because: `what it would replace changed: ${newRelease} is ${seat.role} now`, nowUs },
    )
  }
}
