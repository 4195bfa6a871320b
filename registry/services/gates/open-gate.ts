import { platformActor } from '../../domain/access/rights.ts'
import { canonicalDigest } from '../../domain/canonical.ts'
import { findRelease } from '../../store/assignments.ts'
import { lockGate, openGateRow, releaseGate } from '../../store/gates.ts'
import { appendLedger } from '../../store/ledger.ts'
import { announce } from '../../store/outbox.ts'
import { inSite } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'

export interface CollectedEvidence {
  /** Plain JSON: what the approvers see. */
  readonly body: Record<string, unknown>
  /** What was known when it was collected. */
  readonly commitNumber: number
}

/**
 * Freezes the evidence and opens the gate. A gate that is past collecting keeps the evidence it has: the activity that
 * collects may be run twice.
 */
export async function openGateWith(
  ctx: Pick<ServiceContext, 'pool' | 'nowUs'>, input: { site: string; gate: string }, evidence: CollectedEvidence,
): Promise<{ state: string; evidenceDigest: string | null }> {
  return inSite(ctx.pool, input.site, async (tx) => {
    const row = releaseGate(await lockGate(tx, input.gate))
    if (row.state !== 'collecting') return { state: row.state, evidenceDigest: row.evidenceDigest }
    const release = await findRelease(tx, row.site, { releaseRef: row.releaseRef })
    const body = { ...evidence.body, gate: row.gateId, release: release?.release ?? null, releaseDigest: release?.digest ?? null, commitNumber: evidence.commitNumber }
    const digest = canonicalDigest(body)
    const nowUs = ctx.nowUs()
    await openGateRow(tx, row.gateId, { body, digest, commitNumber: evidence.commitNumber, nowUs })
    const facts = {
      gate: row.gateId, kind: row.kind, family: row.family, role: row.role, scope: row.scope, release: release?.release ?? null,
      releaseDigest: release?.digest ?? null, evidenceDigest: digest, commitNumber: evidence.commitNumber, rules: row.rules,
      requestedBy: row.requestedBy, authors: [...row.authors],
    }
    await appendLedger(tx, { kind: 'gate.opened', subject: `gate/${row.gateId}`, actor: platformActor('gates'), body: facts })
    await announce(tx, { id: `gate/${row.gateId}/opened`, type: 'gate.opened', atUs: nowUs, data: { ...facts, reason: row.reason } })
    return { state: 'open', evidenceDigest: digest }
  })
}
