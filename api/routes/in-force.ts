import { z } from 'zod'
import { slugSchema } from '../../registry/domain/contract/primitives.ts'
import { reviewStates } from '../../registry/domain/gates/gate.ts'
import { assetInForce, familyInForce } from '../../registry/services/read/in-force.ts'
import { endpoint } from '../endpoint.ts'
import { pageOf, whole } from '../pagination.ts'
import { assetId, instantUs, roleSchema } from './common.ts'

const versioned = z.object({ name: z.string(), version: z.number().int(), digest: z.string() })

const inForce = {
  assignment: z.string(),
  family: z.string(),
  role: roleSchema,
  scope: z.string().describe('kind:id'),
  from: z.string(),
  to: z.string().nullable().describe('Null: until further notice'),
  release: z.object({ id: z.string(), digest: z.string() }),
  model: versioned,
  featureSet: versioned,
  policy: z.object({ version: z.number().int(), digest: z.string() }),
  assignedBy: z.string(),
  reason: z.string(),
  approval: z.object({
    gate: z.string(),
    ofThisAssignment: z.boolean().describe('False: the gate let the same release in before, and a roll back put it there again'),
    requestedBy: z.string(),
    approvers: z.array(z.object({
      actor: z.string(), onBehalfOf: z.string().nullable(), roles: z.array(z.string()), at: z.string(),
      stage: z.enum(['decision', 'emergency', 'review']).describe('emergency: alone, for a declared reason; review: confirmed that afterwards'),
    })),
    emergency: z.object({
      by: z.string(), reason: z.string(), review: z.enum(reviewStates), due: z.string().describe('When its review is due, or was'),
    }).nullable().describe('Let in by one person alone, for a declared reason; null: approved by the rules'),
    evidenceDigest: z.string().nullable(),
    evidenceCommit: z.number().int().nullable().describe('Commit number the evidence was frozen at'),
  }).nullable().describe('Who allowed it, on what evidence; null: assigned without any gate'),
}
const inForceSchema = z.object(inForce).meta({ id: 'InForce' })
const assetInForceSchema = z
  .object({
    ...inForce,
    because: z.string().describe('Why this release and no other'),
    overrules: z.array(z.object({ assignment: z.string(), scope: z.string(), release: z.string() })).describe('In force as well, over wider scopes that give way'),
  })
  .meta({ id: 'AssetInForce' })

const common = { method: 'get', tag: 'Governance', right: 'read', scope: 'site', query: z.object({ at: instantUs.optional().describe('Absent: now') }) } as const

export const inForceEndpoints = [
  endpoint({
    ...common, operationId: 'getInForce', path: '/v1/families/{family}/in-force', summary: 'What judges a family, or judged it at an instant; who allowed it, on what evidence',
    params: z.object({ family: slugSchema }), answer: pageOf(inForceSchema),
    handle: async ({ ctx, actor, site, params, query }) => whole(await familyInForce(ctx, actor, { site, family: params.family, atUs: query.at })),
  }),
  endpoint({
    ...common, operationId: 'getAssetInForce', path: '/v1/assets/{asset}/in-force', summary: 'What judges one asset, or judged it at an instant: one answer a role, with its reason',
    params: z.object({ asset: assetId }), answer: pageOf(assetInForceSchema),
    handle: async ({ ctx, actor, site, params, query }) => whole(await assetInForce(ctx, actor, { site, asset: params.asset, atUs: query.at })),
  }),
]
