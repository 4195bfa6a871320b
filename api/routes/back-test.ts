import { z } from 'zod'
import { slugSchema } from '../../registry/domain/contract/primitives.ts'
import { ruleSchema } from '../../registry/domain/policy/policy.ts'
import { previewPolicy, previewPolicyInput } from '../../registry/services/back-test/preview-policy.ts'
import { recomputeEvidence, recomputeEvidenceInput } from '../../registry/services/gates/recompute-evidence.ts'
import { suggestPolicy, suggestPolicyInput } from '../../registry/services/back-test/suggest-policy.ts'
import { endpoint } from '../endpoint.ts'
import { uuidOf } from '../mount.ts'
import { comparisonSchema, sliceSchema, tradeOffSchema } from './comparison-schema.ts'

const common = { tag: 'Governance', method: 'post', scope: 'site' } as const
const family = z.object({ family: slugSchema })

export const backTestEndpoints = [
  endpoint({
    ...common, operationId: 'previewPolicy', path: '/v1/families/{family}/policy-preview', right: 'policy.write',
    summary: 'What a policy would have said over stored scores', description: 'A back-test beside the policy in force. Nothing is registered.',
    params: family, body: previewPolicyInput.omit({ site: true, family: true }).strict(),
    answer: z.object({
      family: z.string(), release: z.string().describe('In force; both policies are folded over its stored scores'), commitNumber: z.number().int(), slice: sliceSchema,
      before: z.object({ version: z.number().int(), rules: z.array(ruleSchema) }), comparison: comparisonSchema,
    }).meta({ id: 'PolicyPreview' }),
    handle: ({ ctx, actor, site, params, body }) => previewPolicy(ctx, actor, { site, family: params.family, ...body }),
  }),
  endpoint({
    ...common, operationId: 'suggestPolicy', path: '/v1/families/{family}/policy-suggestions', right: 'policy.write',
    summary: 'Seek thresholds for a wanted alert load or lead time, and ask for them',
    description: 'Tries levels of one rule on stored scores. Registers a policy and a release and opens a gate, unless `propose` is false; never changes what is in force.',
    params: family, body: suggestPolicyInput.omit({ site: true, family: true }).strict(),
    answer: z.object({
      family: z.string(), release: z.string(), slice: sliceSchema, rule: z.string(), before: z.object({ raiseAt: z.number(), clearAt: z.number() }),
      chosen: tradeOffSchema, tradeOff: z.array(tradeOffSchema).describe('Everything that was tried, most sensitive first'),
      proposal: z.object({ policyVersion: z.number().int(), release: z.string(), gate: z.string() }).nullable().describe('Null: not asked for, or in force already'),
    }).meta({ id: 'PolicySuggestion' }),
    handle: ({ ctx, actor, site, params, body }) => suggestPolicy(ctx, actor, { site, family: params.family, ...body }),
  }),
  endpoint({
    ...common, operationId: 'recomputeEvidence', path: '/v1/gates/{gate}/recompute', right: 'gate.request', status: 202,
    summary: 'Have a gate’s evidence computed anew', description: 'Voids the gate with its approvals, which bind to the former evidence, and opens one for the same change, asked for by the same person and ending at the same time.',
    params: z.object({ gate: uuidOf('gate') }), locate: { kind: 'gate', param: 'gate' }, body: recomputeEvidenceInput.pick({ reason: true }).strict(),
    answer: z.object({ gate: z.string(), replaces: z.string(), state: z.literal('collecting') }),
    handle: ({ ctx, actor, site, params, body }) => recomputeEvidence(ctx, actor, { site, gate: params.gate, ...body }),
  }),
]
