import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { demand, type Actor } from '../../domain/access/rights.ts'
import { slugSchema } from '../../domain/contract/primitives.ts'
import { refuse } from '../../domain/errors.ts'
import { findRelease, lockSeat } from '../../store/assignments.ts'
import { recordAudit } from '../../store/audit.ts'
import { takeTalkAlong } from '../../store/gate-parts.ts'
import { insertGate, lockGate, readGate, releaseGate } from '../../store/gates.ts'
import { inSite } from '../../store/transaction.ts'
import { startGate } from '../../store/workflow-calls.ts'
import type { ServiceContext } from '../context.ts'
import { closeGate } from './gate-closing.ts'
import { tellRequested } from './gate-talk.ts'

export const recomputeEvidenceInput = z.object({
  site: slugSchema, gate: z.uuid(), reason: z.string().min(1).max(2000).default('evidence recomputed: new data has arrived'),
})
export type RecomputeEvidenceInput = z.infer<typeof recomputeEvidenceInput>

/**
 * Has the evidence of an open gate computed anew. Approvals bind to the evidence they saw, so the gate is voided with
 * them, saying why, and another takes its place: the same change, rules, requester and authors, the same end, and as far
 * escalated, so that nothing waits longer for it. Refuses (`gate_closed`) a decided gate and (`stale_state`) one that collects.
 */
export async function recomputeEvidence(
  ctx: Pick<ServiceContext, 'pool' | 'nowUs'>, actor: Actor, { site, gate: gateId, reason }: RecomputeEvidenceInput,
): Promise<{ gate: string; replaces: string; state: 'collecting' }> {
  demand(actor, 'gate.request', site)
  return inSite(ctx.pool, site, async (tx) => {
    const { family, role, scope } = releaseGate(await readGate(tx, gateId))
    // The seat before the gate, as everybody does who closes gates.
    await lockSeat(tx, { site, family, role, scope })
    const row = releaseGate(await lockGate(tx, gateId))
    const nowUs = ctx.nowUs()
    if (row.state === 'collecting') refuse('stale_state', `gate ${gateId} collects its evidence just now; look at it in a moment`, { gate: gateId })
    if (row.state !== 'open' || row.expiresAtUs <= nowUs) refuse('gate_closed', `gate ${gateId} is ${row.state === 'open' ? 'over' : row.state}; make a new request`, { gate: gateId, state: row.state })
    const next = randomUUID()
    await closeGate(tx, row, { state: 'voided', by: actor, because: `${reason}; gate ${next} asks for the same on new evidence`, nowUs })
    await insertGate(tx, {
      gateId: next, site, family, kind: row.kind, releaseRef: row.releaseRef, role, scope, replacesReleaseRef: row.replacesReleaseRef, rollout: row.rollout,
      rules: row.rules, reason: row.reason, requestedBy: row.requestedBy, authors: row.authors, nowUs, goesOn: row,
    })
    // What was asked for is still asked for, and whose approval was required still is: neither is shaken off this way.
    await takeTalkAlong(tx, gateId, next)
    await startGate(tx, site, { gateId: next, kind: row.kind, expiresAtUs: row.expiresAtUs })
    const release = (await findRelease(tx, site, { releaseRef: row.releaseRef }))?.release ?? null
    const replaces = row.replacesReleaseRef === null ? null : (await findRelease(tx, site, { releaseRef: row.replacesReleaseRef }))?.release ?? null
    await recordAudit(tx, { actor, verb: 'recompute-evidence', subject: `gate/${next}`, detail: { former: gateId, formerEvidence: row.evidenceDigest, reason } })
    await tellRequested(tx, { site, gateId: next }, row.requestedBy, { kind: row.kind, release, role, scope, replaces, reason: row.reason, recomputedFrom: gateId, recomputedBy: actor.id }, nowUs)
    return { gate: next, replaces: gateId, state: 'collecting' }
  })
}
