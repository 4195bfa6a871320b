import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { demand, type Actor } from '../../domain/access/rights.ts'
import { canonicalJson } from '../../domain/canonical.ts'
import { microsSchema, slugSchema } from '../../domain/contract/primitives.ts'
import { microsToIso } from '../../domain/contract/time.ts'
import { refuse } from '../../domain/errors.ts'
import { findRelease, type ReleaseParts, type Seat } from '../../store/assignments.ts'
import { recordAudit } from '../../store/audit.ts'
import { getFamily } from '../../store/families.ts'
import { appendLedger } from '../../store/ledger.ts'
import { modelWorkflowCalls } from '../../store/model-workflow-calls.ts'
import { createOperation, requestCancel } from '../../store/operations.ts'
import { announce } from '../../store/outbox.ts'
import { releasesInForce } from '../../store/releases-in-force.ts'
import { assetsInScope, insertRescore, lockRescores, overlappingRescores, rescoreByRequest, wasApproved, type RescoreScope } from '../../store/rescores.ts'
import { inSite, type Tx } from '../../store/transaction.ts'
import type { ServiceContext } from '../context.ts'

export const rescoreInput = z.object({
  site: slugSchema,
  family: slugSchema.optional().describe('Machines of this family'),
  line: slugSchema.optional().describe('Machines of this line'),
  assets: z.array(slugSchema).min(1).max(10_000).optional().describe('These machines'),
  wholeSite: z.boolean().default(false).describe('Every machine; said, not left open: true where nothing else narrows it'),
  fromUs: microsSchema.describe('Event time: windows that end after this'),
  toUs: microsSchema.optional().describe('… and not later than this; default: now'),
  release: z.string().min(1).max(200).optional().describe('Judge by this release, which was approved once; absent: by what is in force now for each machine'),
  reason: z.string().min(1).max(2000),
  requestId: z.string().min(1).max(200).optional().describe('The same id does it once, however often it is sent'),
})
export type RescoreRequest = z.input<typeof rescoreInput>

export interface RescoreStarted { readonly operationId: string; readonly repeated: boolean }

/**
 * Has stored windows of some machines judged anew, by what is in force now or by a release that was approved before: further
 * revisions, while all that was decided then stays. Nobody is paged. The workflow `rescore` takes it from there, and the
 * operation tells how it goes. Refuses (`invalid`) an empty time, and a scope that nothing narrows, (`not_found`) an unknown
 * family, line, asset or release, (`unprocessable`) machines that nothing judges, or that another family's release would
 * judge, and (`conflict`) a release that nobody ever let judge, or windows that
 * another rescore is at.
 */
export async function startRescore(ctx: ServiceContext, actor: Actor, input: RescoreRequest): Promise<RescoreStarted> {
  demand(actor, 'score.rescore', input.site)
  const { site, family, line, assets, wholeSite, fromUs, toUs, release, reason, requestId } = rescoreInput.parse(input)
  const scope: RescoreScope = { ...(family !== undefined && { family }), ...(line !== undefined && { line }), ...(assets !== undefined && { assets }) }
  if (wholeSite === Object.keys(scope).length > 0) {
    refuse('invalid', wholeSite ? 'wholeSite stands beside a family, a line or assets; leave it out to have these alone'
      : 'nothing says whose windows: name a family, a line or assets, or say wholeSite', { wholeSite })
  }
  const nowUs = ctx.nowUs()
  const throughUs = Math.min(toUs ?? nowUs, nowUs)
  if (fromUs >= nowUs) refuse('invalid', `the time begins at ${microsToIso(fromUs)}, which is in the future: there is nothing yet to judge anew`, { fromUs, nowUs })
  if (throughUs <= fromUs) refuse('invalid', `the time is empty: it ends at ${microsToIso(throughUs)}, and begins at ${microsToIso(fromUs)}`, { fromUs, toUs: throughUs })
  return inSite(ctx.pool, site, async (tx) => {
    const named = release === undefined ? null : await namedRelease(tx, site, release)
    return enterRescore(tx, actor, {
      scope, afterUs: fromUs, throughUs, named, reason, assignmentId: null, requestId: requestId ?? randomUUID(), nowUs,
      // Whoever leaves the end open means now, and now is another time when it is asked again.
      openEnded: toUs === undefined,
    })
  })
}

async function namedRelease(tx: Tx, site: string, release: string): Promise<ReleaseParts> {
  const found = await findRelease(tx, site, { release })
    ?? refuse('not_found', `site ${site} has no release ${release}; GET /v1/releases lists those it has`, { release })
  if (!(await wasApproved(tx, found.releaseRef))) {
    refuse('conflict', `${release} never judged a machine as champion, so what it says cannot become what is seen of them. `
      + 'Ask for its promotion (POST /v1/gates), or look what it would have said: a replay under another version writes nothing (POST /v1/assets/{asset}/what-if)', { release })
  }
  return found
}

export interface RescoreAsked {
  readonly scope: RescoreScope
  readonly afterUs: number
  readonly throughUs: number
  /** Null: what is in force at `nowUs`. */
  readonly named: ReleaseParts | null
  readonly reason: string
  /** What judges since the roll back that it follows: only machines judged under this assignment. */
  readonly assignmentId: string | null
  readonly requestId: string
  readonly nowUs: number
  readonly openEnded?: boolean
}

/** The machines of a family that an assignment's scope names. */
export const scopeOfSeat = ({ family, scope: { kind, id } }: Pick<Seat, 'family' | 'scope'>): RescoreScope =>
  ({ family, ...(kind === 'line' && { line: id }), ...(kind === 'asset' && { assets: [id] }) })

/** Operation, ledger, event and the start of the workflow, in the caller's transaction. The same request is found again. */
export async function enterRescore(tx: Tx, actor: Actor, asked: RescoreAsked): Promise<RescoreStarted> {
  const { scope, afterUs, throughUs, named, reason, assignmentId, requestId } = asked
  await lockRescores(tx)
  const done = await rescoreByRequest(tx, requestId)
  if (done) {
    const same = canonicalJson(done.scope) === canonicalJson(scope) && done.afterUs === afterUs && (asked.openEnded === true || done.throughUs === throughUs)
      && done.releaseRef === (named?.releaseRef ?? null) && done.reason === reason
    if (!same) refuse('idempotency_conflict', `request ${requestId} was used for another rescore (operation ${done.operationId}); send a new id`, { requestId, operation: done.operationId })
    return { operationId: done.operationId, repeated: true }
  }
  const parts = await partsOf(tx, asked)
  await yieldOthers(tx, actor, asked, parts.map(({ assetRef }) => assetRef))
  const { operationId } = await createOperation(tx, {
    kind: 'rescore', requestedBy: actor.id, site: tx.site, workflowId: modelWorkflowCalls.rescore.id,
    workflow: (id) => ({ type: modelWorkflowCalls.rescore.type, taskQueue: modelWorkflowCalls.rescore.taskQueue, input: { site: tx.site, operationId: id } }),
  })
  await insertRescore(tx, { operationId, scope, afterUs, throughUs, releaseRef: named?.releaseRef ?? null, reason, requestedBy: actor.id, assignmentId, requestId, parts })
  const body = {
    operation: operationId, scope: { ...scope }, fromUs: afterUs, toUs: throughUs, release: named?.release ?? null, reason, requestId, assignment: assignmentId, assets: parts.length,
  }
  await recordAudit(tx, { actor, verb: 'start-rescore', subject: `operation/${operationId}`, detail: body })
  await appendLedger(tx, { kind: 'rescore.asked', subject: `operation/${operationId}`, actor, body })
  await announce(tx, { id: `rescore/${operationId}/asked`, type: 'rescore.asked', atUs: asked.nowUs, data: { ...body, by: actor.id } })
  return { operationId, repeated: false }
}

/**
 * Two rescores of the same windows would leave a patchwork of both. One that is asked for by itself waits for the other's end
 * (`conflict`); what follows a roll back must not be kept from happening, so there the other is cancelled.
 */
async function yieldOthers(tx: Tx, actor: Actor, { afterUs, throughUs, assignmentId, nowUs }: RescoreAsked, assetRefs: readonly number[]): Promise<void> {
  const others = await overlappingRescores(tx, { assetRefs, afterUs, throughUs })
  if (others.length > 0 && assignmentId === null) {
    refuse('conflict', `operation ${others[0] ?? ''} has some of these windows judged anew already, and is not over; let it end, or cancel it (POST /v1/operations/${others[0] ?? ''}/cancel), and ask again`, { operations: others })
  }
  for (const operation of others) {
    const outcome = await requestCancel(tx, tx.site, operation, nowUs)
    if (outcome?.first) await recordAudit(tx, { actor, verb: 'cancel-operation', subject: `operation/${operation}`, detail: { because: 'a release was taken back, and what it judged is judged anew' } })
  }
}

/** Each machine with the release that judges it: pinned now, whatever is switched while it runs. */
async function partsOf(tx: Tx, { scope, named, assignmentId, nowUs }: RescoreAsked): Promise<{ assetRef: number; releaseRef: number }[]> {
  if (scope.family !== undefined) await getFamily(tx, tx.site, scope.family)
  const assets = await assetsInScope(tx, scope)
  const unknown = (scope.assets ?? []).filter((id) => !assets.some(({ assetId }) => assetId === id))
  if (unknown.length > 0) {
    refuse('not_found', `there is no asset ${unknown.slice(0, 5).join(', ')}${unknown.length > 5 ? ` (and ${unknown.length - 5} more)` : ''} in what was named; GET /v1/assets lists them`, { unknown: unknown.slice(0, 100) })
  }
  if (assets.length === 0) {
    const named = [...scope.family === undefined ? [] : [`family ${scope.family}`], ...scope.line === undefined ? [] : [`line ${scope.line}`]].join(' and ') || `site ${tx.site}`
    refuse('not_found', `no machine stands in ${named}; GET /v1/assets lists machines with their lines`, { scope })
  }
  if (named !== null) {
    const other = assets.find(({ familyId }) => familyId !== named.family)
    if (other) {
      refuse('unprocessable', `${named.release} judges machines of ${named.family}, and ${other.assetId} is one of ${other.familyId}; narrow it to family ${named.family}`, { release: named.release, asset: other.assetId })
    }
    return assets.map(({ assetRef }) => ({ assetRef, releaseRef: named.releaseRef }))
  }
  const inForce = (await releasesInForce(tx, assets.map(({ assetRef }) => assetRef), nowUs))
    .filter((each) => each.role === 'champion' && (assignmentId === null || each.assignmentId === assignmentId))
  // A roll back of a scope whose machines all have a champion of their own leaves nothing to do, and is no mistake.
  if (inForce.length === 0 && assignmentId === null) {
    refuse('unprocessable', 'no release is in force for any of these machines; have one promoted first (POST /v1/gates), or name one that was approved before (release)', { scope })
  }
  return inForce.map(({ assetRef, releaseRef }) => ({ assetRef, releaseRef }))
}
