import { z } from 'zod'
import { FLEET_SITE, sha256Schema, slugSchema } from '../../registry/domain/contract/primitives.ts'
import { refuse } from '../../registry/domain/errors.ts'
import { policySchema } from '../../registry/domain/policy/policy.ts'
import { proposePolicy, proposePolicyInput } from '../../registry/services/propose-policy.ts'
import { listAssignments } from '../../registry/services/read/assignments.ts'
import { getGate, listGates } from '../../registry/services/read/gates.ts'
import { listLedger } from '../../registry/services/read/ledger.ts'
import { pageInput } from '../../registry/services/read/page.ts'
import { listPolicies } from '../../registry/services/read/policies.ts'
import { listSites } from '../../registry/services/read/sites.ts'
import { requestPromotion, requestPromotionInput } from '../../registry/services/request-promotion.ts'
import { rollBack, rollBackInput } from '../../registry/services/roll-back.ts'
import { verifyLedger } from '../../registry/services/verify-ledger.ts'
import { withdrawGate, withdrawGateInput } from '../../registry/services/withdraw-gate.ts'
import { ALL_SITES } from '../../registry/store/transaction.ts'
import type { ApiDeps } from '../deps.ts'
import { endpoint, type Call } from '../endpoint.ts'
import { uuidOf } from '../mount.ts'
import { pageOf } from '../pagination.ts'
import { anyJson, flag, instantUs, roleSchema } from './common.ts'

const gateKind = z.enum(['promote-model', 'approve-policy'])
const gateState = z.enum(['collecting', 'open', 'approved', 'rejected', 'expired', 'withdrawn', 'voided'])

const gate = {
  id: z.string(),
  site: z.string(),
  family: z.string(),
  kind: gateKind,
  release: z.string(),
  replaces: z.string().nullable().describe('Release that would be replaced'),
  role: z.string(),
  scope: z.string().describe('kind:id'),
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
  waitingForMe: z.boolean().describe('The reader could decide it'),
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
    decisions: z.array(z.object({ actor: z.string(), roles: z.array(z.string()), verdict: z.enum(['approve', 'reject']), comment: z.string(), at: z.string() })),
  })
  .meta({ id: 'GateDetail' })

const decisionBody = z.strictObject({
  evidenceDigest: sha256Schema.describe('Of the evidence you looked at'),
  comment: z.string().max(4000).default(''),
})
const decidedSchema = z
  .object({ state: z.string(), approvals: z.number().int(), required: z.number().int(), assignment: z.string().nullable() })
  .meta({ id: 'GateDecided' })

const assignmentSchema = z
  .object({
    id: z.string(),
    site: z.string(),
    family: z.string(),
    release: z.string(),
    role: roleSchema,
    scope: z.string().describe('kind:id'),
    from: z.string(),
    to: z.string().nullable().describe('Null: until further notice'),
    model: z.string().describe('name@version'),
    policy: z.number().int(),
    gate: z.string().nullable(),
    assignedBy: z.string(),
    reason: z.string(),
  })
  .meta({ id: 'Assignment' })

const policyViewSchema = z
  .object({ family: z.string(), version: z.number().int(), digest: z.string(), definition: z.unknown().describe('As it was proposed'), createdBy: z.string(), createdAt: z.string() })
  .meta({ id: 'PolicyVersion' })

const ledgerSchema = z
  .object({
    id: z.string(),
    site: z.string(),
    sequence: z.number().int().nullable().describe('Null until it is sealed: a moment'),
    recordedAt: z.string(),
    sealedAt: z.string().nullable(),
    kind: z.string(),
    subject: z.string(),
    actor: z.string(),
    previousHash: z.string().nullable(),
    hash: z.string().nullable(),
    body: anyJson,
  })
  .meta({ id: 'LedgerEntry' })
const verified = {
  ok: z.boolean(),
  checked: z.number().int(),
  pending: z.number().int().describe('Written, not yet sealed'),
  problem: z.string().nullable(),
}
const verifiedSchema = z
  .object({
    ...verified,
    sites: z.array(z.object({
      site: z.string(), ...verified, head: z.object({ sequence: z.number().int(), hash: z.string() }), place: anyJson.describe('Where the chain is broken'),
    })).describe('Each site has a chain of its own'),
  })
  .meta({ id: 'LedgerVerified' })

/** Every chain that the request looks at, walked one after the other: each reads its whole ledger. */
async function verifyChains({ ctx, actor, site }: Pick<Call, 'ctx' | 'actor' | 'site'>) {
  const names = site === ALL_SITES ? [FLEET_SITE, ...(await listSites(ctx, actor)).map(({ id }) => id)] : [site]
  const sites: (Awaited<ReturnType<typeof verifyLedger>> & { site: string })[] = []
  for (const name of names) sites.push({ site: name, ...await verifyLedger(ctx, actor, { site: name }) })
  const broken = sites.find(({ ok }) => !ok)
  return {
    ok: broken === undefined, checked: sum(sites.map(({ checked }) => checked)), pending: sum(sites.map(({ pending }) => pending)),
    problem: broken === undefined ? null : `site ${broken.site}: ${broken.problem ?? 'broken'}`, sites,
  }
}
const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0)

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
    const mine = found.decisions.find((decision) => decision.actor === actor.id)
    if (mine?.verdict === verdict) return { state: found.state, approvals: found.approvals, required: found.requiredApprovals, assignment: null }
    refuse('gate_closed', `The gate is ${found.state}${found.closedBecause === null ? '' : ` (${found.closedBecause})`}; nothing can be decided any more.`, { gate: found.id, state: found.state })
  }
  return gates.decide(found.workflowId, { actor: actor.id, verdict, ...body })
}

export const governanceEndpoints = ({ gates }: Pick<ApiDeps, 'gates'>) => [
  endpoint({
    ...reading, operationId: 'listGates', path: '/v1/gates', scope: 'sites', summary: 'Promotions and policy changes, newest first',
    query: z.object({ state: gateState.optional(), family: slugSchema.optional(), waitingForMe: flag.optional(), ...pageInput }), answer: pageOf(gateSchema),
    handle: ({ ctx, actor, site, query }) => listGates(ctx, actor, { site, ...query }),
  }),
  endpoint({
    ...writing, operationId: 'requestPromotion', path: '/v1/gates', right: 'gate.request', status: 202,
    summary: 'Ask for a release to be put in force', description: 'Opens a gate, which collects its evidence and then waits for the approvals the family’s rules ask for.',
    body: requestPromotionInput.omit({ site: true }).strict(),
    answer: z.object({ gate: z.string(), kind: gateKind, state: z.literal('collecting'), expiresAt: z.string(), replaces: z.string().nullable() }),
    handle: ({ ctx, actor, site, body }) => requestPromotion(ctx, actor, { site, ...body }),
  }),
  endpoint({
    ...reading, ...one, operationId: 'getGate', path: '/v1/gates/{gate}', summary: 'One gate with its evidence and who decided what', answer: gateDetailSchema,
    handle: ({ ctx, actor, site, params }) => getGate(ctx, actor, { site, gate: params.gate }),
  }),
  endpoint({
    ...writing, ...one, operationId: 'approveGate', path: '/v1/gates/{gate}/approve', right: 'gate.decide', summary: 'Approve on the evidence as it stands',
    body: decisionBody, answer: decidedSchema, handle: decide(gates, 'approve'),
  }),
  endpoint({
    ...writing, ...one, operationId: 'rejectGate', path: '/v1/gates/{gate}/reject', right: 'gate.decide', summary: 'Reject, with the reason as comment',
    body: decisionBody, answer: decidedSchema, handle: decide(gates, 'reject'),
  }),
  endpoint({
    ...writing, ...one, operationId: 'withdrawGate', path: '/v1/gates/{gate}/withdraw', right: 'gate.request', summary: 'Take the request back',
    body: withdrawGateInput.pick({ reason: true }).strict(), answer: z.object({ gate: z.string(), state: z.literal('withdrawn') }),
    handle: ({ ctx, actor, site, params, body }) => withdrawGate(ctx, actor, { site, gate: params.gate, ...body }),
  }),
  endpoint({
    ...reading, operationId: 'listAssignments', path: '/v1/assignments', scope: 'sites', summary: 'What was put in force, newest first',
    query: z.object({ family: slugSchema.optional(), role: roleSchema.optional(), at: instantUs.optional().describe('Only what was in force then'), ...pageInput }),
    answer: pageOf(assignmentSchema),
    handle: ({ ctx, actor, site, query: { at, ...query } }) => listAssignments(ctx, actor, { site, ...query, inForceAtUs: at }),
  }),
  endpoint({
    ...writing, operationId: 'rollBack', path: '/v1/families/{family}/roll-back', right: 'release.roll-back',
    summary: 'Put the former release back in force; the same requestId does it once',
    params: z.object({ family: slugSchema }), body: rollBackInput.omit({ site: true, family: true }).strict(),
    answer: z.object({ assignment: z.string(), release: z.string(), replaced: z.string().nullable(), since: z.string(), repeated: z.boolean() }),
    handle: ({ ctx, actor, site, params, body }) => rollBack(ctx, actor, { site, family: params.family, ...body }),
  }),
  endpoint({
    ...reading, operationId: 'listPolicies', path: '/v1/policies', summary: 'Policy versions, newest first',
    query: z.object({ family: slugSchema.optional(), ...pageInput }), answer: pageOf(policyViewSchema),
    handle: ({ ctx, actor, site, query }) => listPolicies(ctx, actor, { site, ...query }),
  }),
  endpoint({
    ...writing, operationId: 'proposePolicy', path: '/v1/policies', right: 'policy.write', status: 201,
    summary: 'Register a version of a family’s policy', description: 'It judges nothing yet: a release binds it, and a gate puts that in force.',
    body: proposePolicyInput.omit({ site: true }).extend({ definition: policySchema }).strict(),
    answer: z.object({ family: z.string(), name: z.string(), version: z.number().int(), digest: z.string(), made: z.boolean() }),
    handle: ({ ctx, actor, site, body }) => proposePolicy(ctx, actor, { site, ...body }),
  }),
  endpoint({
    ...reading, operationId: 'listLedger', path: '/v1/ledger', scope: 'sites', fleetToo: true, summary: 'What was in force when, and who allowed it; newest first',
    query: z.object({ subject: z.string().max(300).optional(), kind: z.string().max(100).optional(), ...pageInput }), answer: pageOf(ledgerSchema),
    handle: ({ ctx, actor, site, query }) => listLedger(ctx, actor, { site, ...query }),
  }),
  endpoint({
    ...reading, operationId: 'verifyLedger', path: '/v1/ledger/verify', scope: 'sites', fleetToo: true, summary: 'Walk the whole chain; finds a changed, removed or reordered entry',
    answer: verifiedSchema,
    handle: verifyChains,
  }),
]
