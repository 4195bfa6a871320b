import { canonicalDigest } from '../../domain/canonical.ts'
import { findRelease } from '../../store/assignments.ts'
import { lockGate, openGateRow, releaseGate } from '../../store/gates.ts'
import { inSite } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'
import { tellOpened } from './gate-talk.ts'

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
    // How it comes into force is a part of what is approved.
    const body = { ...evidence.body, ...(row.rollout && { rollout: row.rollout }), gate: row.gateId, release: release?.release ?? null, releaseDigest: release?.digest ?? null, commitNumber: evidence.commitNumber }
    const digest = canonicalDigest(body)
    const nowUs = ctx.nowUs()
    await openGateRow(tx, row.gateId, { body, digest, commitNumber: evidence.commitNumber, nowUs })
    await tellOpened(tx, { ...row, evidenceDigest: digest, commitNumber: evidence.commitNumber }, { role: row.role, release: release?.release ?? null, releaseDigest: release?.digest ?? null }, nowUs)
    return { state: 'open', evidenceDigest: digest }
  })
}
