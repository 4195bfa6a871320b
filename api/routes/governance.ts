import { z } from 'zod'
import { FLEET_SITE, slugSchema } from '../../registry/domain/contract/primitives.ts'
import { policySchema } from '../../registry/domain/policy/policy.ts'
import { proposePolicy, proposePolicyInput } from '../../registry/services/propose-policy.ts'
import { listAssignments } from '../../registry/services/read/assignments.ts'
import { listLedger } from '../../registry/services/read/ledger.ts'
import { pageInput } from '../../registry/services/read/page.ts'
import { listPolicies } from '../../registry/services/read/policies.ts'
import { listSites } from '../../registry/services/read/sites.ts'
import { rollBack, rollBackInput } from '../../registry/services/gates/roll-back.ts'
import { verifyLedger } from '../../registry/services/verify-ledger.ts'
import { ALL_SITES } from '../../registry/store/transaction.ts'
import { endpoint, type Call } from '../endpoint.ts'
import { pageOf } from '../pagination.ts'
import { anyJson, instantUs, roleSchema } from './common.ts'

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
      site: z.string(), ...verified, head: z.object({ sequence: z.number().int(), hash: z.string() }),
      signedBy: z.string().nullable().describe('SHA-256 of the public key that signed the newest checkpoint; null: not signed, or not made yet'), place: anyJson.describe('Where the chain is broken'),
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
export const governanceEndpoints = [
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
    answer: z.object({ assignment: z.string(), release: z.string(), replaced: z.string().nullable(), since: z.string(), rescore: z.string().nullable().describe('The operation that judges the affected time anew'), repeated: z.boolean() }),
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
