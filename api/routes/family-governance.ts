import { z } from 'zod'
import { slugSchema } from '../../registry/domain/contract/primitives.ts'
import { familyGovernanceSchema, openGatesSchema } from '../../registry/domain/governance/family.ts'
import { proposeGovernance, proposeGovernanceInput } from '../../registry/services/gates/propose-governance.ts'
import { listGovernance } from '../../registry/services/read/governance.ts'
import { endpoint } from '../endpoint.ts'
import { pageOf, whole } from '../pagination.ts'

const versionSchema = z
  .object({
    version: z.number().int(),
    state: z.enum(['in-force', 'past', 'proposed']),
    owner: z.string().nullable(),
    governance: familyGovernanceSchema,
    digest: z.string(),
    openGates: openGatesSchema,
    reason: z.string(),
    proposedBy: z.string(),
    proposedAt: z.string(),
    gate: z.string().nullable().describe('Null: set as the family was founded'),
    inForceFrom: z.string().nullable().describe('Null: never was'),
  })
  .meta({ id: 'GovernanceVersion' })

const one = { tag: 'Governance', scope: 'site', path: '/v1/families/{family}/governance', params: z.object({ family: slugSchema }) } as const

export const familyGovernanceEndpoints = [
  endpoint({
    ...one, method: 'get', operationId: 'listGovernance', right: 'read', summary: 'Who must approve what, and who owns the family, in their versions',
    answer: pageOf(versionSchema),
    handle: async ({ ctx, actor, site, params }) => whole(await listGovernance(ctx, actor, { site, family: params.family })),
  }),
  endpoint({
    ...one, method: 'post', operationId: 'proposeGovernance', right: 'family.write', status: 202, summary: 'Propose other rules or another owner',
    description: 'Opens a gate by the rules in force now; the approval that completes it puts the new version in force.',
    body: proposeGovernanceInput.omit({ site: true, family: true }).strict(),
    answer: z.object({ family: z.string(), version: z.number().int(), digest: z.string(), gate: z.string(), expiresAt: z.string() }),
    handle: ({ ctx, actor, site, params, body }) => proposeGovernance(ctx, actor, { site, family: params.family, ...body }),
  }),
]
