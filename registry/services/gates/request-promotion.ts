import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { demand, type Actor } from '../../domain/access/rights.ts'
import { slugSchema } from '../../domain/contract/primitives.ts'
import { microsToIso } from '../../domain/contract/time.ts'
import { DomainError, refuse } from '../../domain/errors.ts'
import { openGate } from '../../domain/gates/gate.ts'
import { rolloutRequestSchema } from '../../domain/rollout/plan.ts'
import { frozenRules, type ReleaseGateKind } from '../../domain/governance/family.ts'
import { currentAssignment, findRelease, lockSeat, type ReleaseParts, type Scope, type Seat } from '../../store/assignments.ts'
import { recordAudit } from '../../store/audit.ts'
import { getFamily } from '../../store/families.ts'
import { insertGate } from '../../store/gates.ts'
import { assetsOfScope } from '../../store/rollouts.ts'
import { inSite, type Tx } from '../../store/transaction.ts'
import { startGate } from '../../store/workflow-calls.ts'
import type { ServiceContext } from '../context.ts'
import { planRollout } from '../rollouts/plan-rollout.ts'
import { holdGate, ownersOf } from './gate-action.ts'
import { tellRequested } from './gate-talk.ts'
import { withdrawHeld } from './withdraw-gate.ts'

export const scopeSchema = z.object({ kind: z.enum(['family', 'line', 'asset']), id: slugSchema })

export const requestPromotionInput = z.object({
  site: slugSchema,
  release: z.string().min(1).max(200),
  role: z.enum(['champion', 'challenger', 'shadow']).default('champion'),
  scope: scopeSchema.optional().describe('Absent: the whole family'),
  reason: z.string().min(1).max(2000),
  rollout: rolloutRequestSchema.optional().describe('Step by step once approved: shadow, canary, champion; absent: at once'),
  insteadOf: z.uuid().optional().describe('A waiting gate of yours that this proposal takes the place of: it is withdrawn'),
})
export type RequestPromotionInput = z.infer<typeof requestPromotionInput>

export interface RequestedGate { readonly gate: string; readonly kind: ReleaseGateKind; readonly state: 'collecting'; readonly expiresAt: string; readonly replaces: string | null }

/**
 * Asks for a release to be put in force. Makes a gate that names what it changes and what it replaces; its workflow
 * collects the evidence and waits. Refuses (`conflict`) what is in force already or waits already, and (`invalid`) a
 * gate that nobody could ever approve.
 */
export async function requestPromotion(ctx: ServiceContext, actor: Actor, input: RequestPromotionInput): Promise<RequestedGate> {
  demand(actor, 'gate.request', input.site)
  return inSite(ctx.pool, input.site, (tx) => requestPromotionIn(tx, actor, input, ctx.nowUs()))
}

/** The same inside a transaction that does more (a retraining that asks for its release to be promoted). */
export async function requestPromotionIn(tx: Tx, actor: Actor, input: RequestPromotionInput, nowUs: number): Promise<RequestedGate> {
  const { site, role } = input
  const release = await findRelease(tx, site, { release: input.release })
    ?? refuse('not_found', `site ${site} has no release ${input.release}`, { release: input.release })
  const scope = input.scope ?? { kind: 'family' as const, id: release.family }
  if (scope.kind === 'family' && scope.id !== release.family) {
    refuse('invalid', `release ${release.release} is made for family ${release.family}, not for ${scope.id}`, { family: release.family })
  }
  const seat = { site, family: release.family, role, scope } satisfies Seat
  await demandMachines(tx, seat, nowUs)
  await lockSeat(tx, seat)
  const current = await currentAssignment(tx, seat)
  if (current?.releaseRef === release.releaseRef) {
    refuse('conflict', `${release.release} is ${role} of ${scope.kind} ${scope.id} already, since ${microsToIso(current.fromUs)}`, { release: release.release })
  }
  const replaced = current ? await findRelease(tx, site, { releaseRef: current.releaseRef }) : null
  const { kind, authors } = whatChanges(release, replaced)
  const rollout = input.rollout === undefined ? null : await planRollout(tx, input.rollout, { seat, seed: release.digest, nowUs })
  const family = await getFamily(tx, site, release.family)
  const rules = frozenRules(family.governance[kind], nowUs)
  // The machine itself says whether anybody could approve this; the digest it will bind to comes with the evidence.
  openGate({ rules, evidenceDigest: '', requestedBy: actor.id, authors, owners: ownersOf(family) }, nowUs)

  const gateId = randomUUID()
  if (input.insteadOf !== undefined) await makeRoom(tx, actor, input.insteadOf, gateId, nowUs)
  await insertGate(tx, {
    gateId, site, family: release.family, kind, releaseRef: release.releaseRef, role, scope, replacesReleaseRef: current?.releaseRef ?? null, rollout,
    rules, reason: input.reason, requestedBy: actor.id, authors, nowUs,
  })
  await startGate(tx, site, { gateId, kind, expiresAtUs: rules.expiresAtUs })
  const detail = { kind, release: release.release, role, scope, replaces: current?.release ?? null, reason: input.reason, ...(rollout && { rollout }) }
  await recordAudit(tx, { site, actor, verb: 'request-promotion', subject: `gate/${gateId}`, detail })
  await tellRequested(tx, { site, gateId }, actor.id, detail, nowUs)
  return { gate: gateId, kind, state: 'collecting', expiresAt: microsToIso(rules.expiresAtUs), replaces: current?.release ?? null }
}

/** A line or a machine that is not there would hold a seat that judges nothing, and a rollout that no window ever brings on. */
async function demandMachines(tx: Tx, seat: Seat & { scope: Scope }, nowUs: number): Promise<void> {
  const { family, scope } = seat
  if (scope.kind === 'family' || (await assetsOfScope(tx, seat, nowUs)).length > 0) return
  refuse('invalid', scope.kind === 'asset' ? `${scope.id} is no machine of family ${family} now; GET /v1/assets lists them` : `no machine of family ${family} stands on line ${scope.id} now; GET /v1/assets lists them with their lines`, { scope })
}

/** Withdraws the requester's former proposal in favour of the new one. */
async function makeRoom(tx: Tx, actor: Actor, gate: string, newGate: string, nowUs: number): Promise<void> {
  const withdrawn = await withdrawHeld(tx, await holdGate(tx, gate), actor, `gate ${newGate} takes its place`, nowUs)
  if (withdrawn instanceof DomainError) throw withdrawn
}

/**
 * A release that keeps the model and changes only the policy is a policy change; all else is a promotion. Whoever made
 * a part that changes is an author, and authors do not approve.
 */
export function whatChanges(release: ReleaseParts, replaced: ReleaseParts | null): { kind: ReleaseGateKind; authors: string[] } {
  const model = replaced?.modelVersionRef !== release.modelVersionRef
  const policy = replaced?.policyRef !== release.policyRef
  const authors = [release.createdBy, ...(model ? [release.modelBy] : []), ...(policy ? [release.policyBy] : [])]
  return { kind: policy && !model ? 'approve-policy' : 'promote-model', authors: [...new Set(authors)] }
}
