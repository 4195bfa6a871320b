import { z } from 'zod'
import { sha256Schema, slugSchema } from '../../registry/domain/contract/primitives.ts'
import { refuse } from '../../registry/domain/errors.ts'
import { reviewStates } from '../../registry/domain/gates/gate.ts'
import { gateKinds } from '../../registry/domain/governance/family.ts'
import { rolloutPlanSchema } from '../../registry/domain/rollout/plan.ts'
import { addReviewer, addReviewerInput } from '../../registry/services/gates/add-reviewer.ts'
import { answerGate, answerGateInput } from '../../registry/services/gates/answer-gate.ts'
import { approveInEmergency, approveInEmergencyInput } from '../../registry/services/gates/approve-in-emergency.ts'
import { askChanges, askChangesInput } from '../../registry/services/gates/ask-changes.ts'
import { commentOnGate, commentOnGateInput } from '../../registry/services/gates/comment-on-gate.ts'
import { onBehalfOf } from '../../registry/services/gates/decide-gate.ts'
import { getGate, listGates } from '../../registry/services/read/gates.ts'
import { pageInput } from '../../registry/services/read/page.ts'
import { requestPromotion, requestPromotionInput } from '../../registry/services/gates/request-promotion.ts'
import { reviewGate, reviewGateInput } from '../../registry/services/gates/review-gate.ts'
import { withdrawGate, withdrawGateInput } from '../../registry/services/gates/withdraw-gate.ts'
import type { ApiDeps } from '../deps.ts'
import { endpoint, type Call } from '../endpoint.ts'
import { uuidOf } from '../mount.ts'
import { pageOf } from '../pagination.ts'
import { anyJson, flag } from './common.ts'

const gateKind = z.enum(gateKinds)
const gateState = z.enum(['collecting', 'open', 'approved', 'rejected', 'expired', 'withdrawn', 'voided'])
const reviewState = z.enum(reviewStates)

const missingSchema = z
  .object({
    approvals: z.number().int(), roles: z.array(z.object({ role: z.string(), count: z.number().int() })), owner: z.boolean(),
    reviewers: z.array(z.string()).describe('Added reviewers whose approval is required'),
  })
  .meta({ id: 'GateMissing' })

const gate = {
  id: z.string(),
  site: z.string(),
  family: z.string(),
  kind: gateKind,
  subject: z.string().describe('What is proposed: the release, or the version of the governance'),
  release: z.string().nullable().describe('Null where governance changes'),
  replaces: z.string().nullable().describe('Release, or version of the governance, that would be replaced'),
  role: z.string().nullable(),
  governanceVersion: z.number().int().nullable().describe('The version that would be put in force'),
  scope: z.string().describe('kind:id'),
  rollout: rolloutPlanSchema.nullable().describe('How it comes into force once approved; null: at once. The rollout has the gate’s id'),
  state: gateState.describe('collecting: its evidence is being put together'),
  reason: z.string(),
  requestedBy: z.string(),
  author: z.string(),
  authors: z.array(z.string()).describe('Who made a part of it; none of them may approve it'),
  requestedAt: z.string(),
  expiresAt: z.string(),
  closedAt: z.string().nullable(),
  closedBecause: z.string().nullable(),
  evidenceDigest: z.string().nullable().describe('What a decision binds to'),
  requiredApprovals: z.number().int(),
  approvals: z.number().int(),
  wanted: z.string().describe('Who still must approve, e.g. "1 of 2: reliability-engineer still wanted"; of an emergency, what its review still wants'),
  missing: missingSchema.nullable().describe('The same as data; null when nothing is missing or nothing more can be decided'),
  changesAsked: z.array(z.object({ by: z.string(), text: z.string(), at: z.string() })).describe('Not answered yet: until then nothing is approved'),
  escalatedTo: z.array(z.string()).describe('Who was told beyond the approvers'),
  emergency: z.object({
    by: z.string(), reason: z.string(), at: z.string(),
    review: z.object({ state: reviewState, due: z.string(), overdue: z.boolean(), endedAt: z.string().nullable(), because: z.string().nullable() }),
  }).nullable().describe('Approved by one person alone'),
  waitingForMe: z.boolean().describe('The reader could decide it, or review it'),
}
const gateSchema = z.object(gate).meta({ id: 'Gate' })
const gateDetailSchema = z
  .object({
    ...gate,
    workflowId: z.string(),
    evidence: anyJson,
    evidenceCommit: z.number().int().nullable(),
    evidenceAge: z.object({ frozenAt: z.string(), days: z.number(), commitsBehind: z.number().int().nullable().describe('Batches committed since; null once it is closed') })
      .nullable().describe('New data does not void evidence; it can be computed anew'),
    rules: anyJson,
    asks: z.string().describe('The rules in words'),
    decisions: z.array(z.object({
      actor: z.string(), onBehalfOf: z.string().nullable(), roles: z.array(z.string()), stage: z.enum(['decision', 'emergency', 'review']),
      verdict: z.enum(['approve', 'reject']), comment: z.string(), at: z.string(),
    })),
    reviewers: z.array(z.object({ actor: z.string(), required: z.boolean(), addedBy: z.string(), at: z.string() })),
    thread: z.array(z.object({ kind: z.enum(['comment', 'changes-asked', 'answer']), by: z.string(), onBehalfOf: z.string().nullable(), text: z.string(), at: z.string() })),
    deciding: z.array(z.string()).describe('In whose names the reader could decide here, their own first; of several others one must be named (onBehalfOf). Empty: they cannot'),
    mayDeclareEmergency: z.boolean(),
  })
  .meta({ id: 'GateDetail' })

const evidenceDigest = sha256Schema.describe('Of the evidence you looked at')
const comment = z.string().max(4000).default('')
const reasoned = z.string().trim().min(1).max(4000).describe('Why')
const decisionBody = z.strictObject({ evidenceDigest, comment, onBehalfOf })
const rejectionBody = z.strictObject({ evidenceDigest, comment: reasoned, onBehalfOf })
const decidedSchema = z
  .object({ state: z.string(), approvals: z.number().int(), required: z.number().int(), assignment: z.string().nullable() })
  .meta({ id: 'GateDecided' })

const reading = { tag: 'Governance', method: 'get', right: 'read', scope: 'site' } as const
const writing = { tag: 'Governance', method: 'post', scope: 'site' } as const
const one = { params: z.object({ gate: uuidOf('gate') }), locate: { kind: 'gate', param: 'gate' } } as const

type Decide = Call<{ gate: string }, unknown, z.output<typeof decisionBody>>

/**
 * The workflow decides; here only what needs no decision is answered at once: a decision that was taken already is
 * told again, and a gate that is not open refuses it.
 */
const decide = (gates: ApiDeps['gates'], verdict: 'approve' | 'reject') => async ({ ctx, actor, site, params, body }: Decide) => {
  const found = await getGate(ctx, actor, { site, gate: params.gate })
  if (found.state === 'collecting') refuse('conflict', 'The gate still collects its evidence; there is nothing to decide on yet. Try again in a moment.', { gate: found.id })
  if (found.state !== 'open') {
    const mine = found.decisions.find((decision) => decision.actor === actor.id && decision.stage === 'decision')
    const stands = verdict === 'approve' ? found.state === 'approved' : found.state === 'rejected'
    if (mine?.verdict === verdict && stands && body.evidenceDigest === found.evidenceDigest) {
      return { state: found.state, approvals: found.approvals, required: found.requiredApprovals, assignment: null }
    }
    const code = found.state === 'expired' ? 'expired' : 'gate_closed'
    refuse(code, `The gate is ${found.state}${found.closedBecause === null ? '' : ` (${found.closedBecause})`}; nothing can be decided any more.`, { gate: found.id, state: found.state })
  }
  return gates.decide(found.workflowId, { actor: actor.id, verdict, ...body })
}

export const gateEndpoints = ({ gates }: Pick<ApiDeps, 'gates'>) => [
  endpoint({
    ...reading, operationId: 'listGates', path: '/v1/gates', scope: 'sites', summary: 'Promotions, policy changes and changes of governance, newest first',
    query: z.object({
      state: gateState.optional(), family: slugSchema.optional(), waitingForMe: flag.optional(),
      review: reviewState.optional().describe('Only emergencies whose review stands so'),
      unsettled: flag.optional().describe('Only those that collect evidence, are open, or wait for the review of an emergency'), ...pageInput,
    }),
    answer: pageOf(gateSchema),
    handle: ({ ctx, actor, site, query }) => listGates(ctx, actor, { site, ...query }),
  }),
  endpoint({
    ...writing, operationId: 'requestPromotion', path: '/v1/gates', right: 'gate.request', status: 202,
    summary: 'Ask for a release to be put in force', description: 'Opens a gate, which collects its evidence and then waits for the approvals the family’s rules ask for.',
    body: requestPromotionInput.omit({ site: true }).strict(),
    answer: z.object({ gate: z.string(), kind: z.enum(['promote-model', 'approve-policy']), state: z.literal('collecting'), expiresAt: z.string(), replaces: z.string().nullable() }),
    handle: ({ ctx, actor, site, body }) => requestPromotion(ctx, actor, { site, ...body }),
  }),
  endpoint({
    ...reading, ...one, operationId: 'getGate', path: '/v1/gates/{gate}', summary: 'One gate with its evidence, who decided what, and what was said', answer: gateDetailSchema,
    handle: ({ ctx, actor, site, params }) => getGate(ctx, actor, { site, gate: params.gate }),
  }),
  endpoint({
    ...writing, ...one, operationId: 'approveGate', path: '/v1/gates/{gate}/approve', right: 'gate.take-part', summary: 'Approve on the evidence as it stands',
    body: decisionBody, answer: decidedSchema, handle: decide(gates, 'approve'),
  }),
  endpoint({
    ...writing, ...one, operationId: 'rejectGate', path: '/v1/gates/{gate}/reject', right: 'gate.take-part', summary: 'Reject, with the reason as comment',
    body: rejectionBody, answer: decidedSchema, handle: decide(gates, 'reject'),
  }),
  endpoint({
    ...writing, ...one, operationId: 'approveGateInEmergency', path: '/v1/gates/{gate}/approve-in-emergency', right: 'gate.decide',
    summary: 'Approve alone, for a declared emergency',
    description: 'Where the family’s rules know that way. It is told to everybody, and the normal approvers review it afterwards. Works while Temporal is away.',
    body: approveInEmergencyInput.omit({ site: true, gate: true }).strict(),
    answer: z.object({ state: z.literal('approved'), assignment: z.string().nullable(), review: z.object({ state: reviewState, due: z.string() }) }).meta({ id: 'EmergencyApproved' }),
    handle: ({ ctx, actor, site, params, body }) => approveInEmergency(ctx, actor, { site, gate: params.gate, ...body }),
  }),
  endpoint({
    ...writing, ...one, operationId: 'reviewGate', path: '/v1/gates/{gate}/review', right: 'gate.take-part',
    summary: 'Review an emergency afterwards: confirm or reject it', description: 'Confirmed when as many as the rules ask for agree; one rejection rolls back what is still in force, or says why not.',
    body: reviewGateInput.omit({ site: true, gate: true }).strict(),
    answer: z.object({
      review: reviewState, approvals: z.number().int(), required: z.number().int(), note: z.string().describe('What became of it, or why nothing was rolled back'),
      rolledBack: z.object({ assignment: z.string(), release: z.string() }).nullable(),
    }).meta({ id: 'GateReviewed' }),
    handle: ({ ctx, actor, site, params, body }) => reviewGate(ctx, actor, { site, gate: params.gate, ...body }),
  }),
  endpoint({
    ...writing, ...one, operationId: 'askForChanges', path: '/v1/gates/{gate}/ask-changes', right: 'gate.take-part',
    summary: 'Ask the requester for changes', description: 'The gate stays open, and nothing is approved until the requester answers or makes a new proposal.',
    body: askChangesInput.omit({ site: true, gate: true }).strict(), answer: z.object({ gate: z.string(), changesAsked: z.number().int().describe('Not answered yet') }),
    handle: ({ ctx, actor, site, params, body }) => askChanges(ctx, actor, { site, gate: params.gate, ...body }),
  }),
  endpoint({
    ...writing, ...one, operationId: 'answerGate', path: '/v1/gates/{gate}/answer', right: 'gate.request', summary: 'Answer what was asked for, as the requester',
    body: answerGateInput.omit({ site: true, gate: true }).strict(), answer: z.object({ gate: z.string(), answered: z.number().int() }),
    handle: ({ ctx, actor, site, params, body }) => answerGate(ctx, actor, { site, gate: params.gate, ...body }),
  }),
  endpoint({
    ...writing, ...one, operationId: 'commentOnGate', path: '/v1/gates/{gate}/comments', right: 'gate.take-part', status: 201, summary: 'Add to the thread; decides nothing',
    body: commentOnGateInput.omit({ site: true, gate: true }).strict(), answer: z.object({ gate: z.string(), message: z.number().int() }),
    handle: ({ ctx, actor, site, params, body }) => commentOnGate(ctx, actor, { site, gate: params.gate, ...body }),
  }),
  endpoint({
    ...writing, ...one, operationId: 'addGateReviewer', path: '/v1/gates/{gate}/reviewers', right: 'gate.take-part', status: 201,
    summary: 'Name somebody who should look at it; their approval may be required',
    body: addReviewerInput.omit({ site: true, gate: true }).strict(), answer: z.object({ gate: z.string(), reviewer: z.string(), required: z.boolean() }),
    handle: ({ ctx, actor, site, params, body }) => addReviewer(ctx, actor, { site, gate: params.gate, ...body }),
  }),
  endpoint({
    ...writing, ...one, operationId: 'withdrawGate', path: '/v1/gates/{gate}/withdraw', right: 'gate.request', summary: 'Take the request back',
    body: withdrawGateInput.pick({ reason: true }).strict(), answer: z.object({ gate: z.string(), state: z.literal('withdrawn') }),
    handle: ({ ctx, actor, site, params, body }) => withdrawGate(ctx, actor, { site, gate: params.gate, ...body }),
  }),
]
