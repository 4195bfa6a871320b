import { z } from 'zod'
import { slugSchema } from '../../registry/domain/contract/primitives.ts'
import { severitySchema } from '../../registry/domain/contract/scored-event.ts'
import { ruleSchema } from '../../registry/domain/policy/policy.ts'
import { pageInput } from '../../registry/services/read/page.ts'
import { getTwin, listTwins, twinTrend } from '../../registry/services/read/twins.ts'
import { endpoint } from '../endpoint.ts'
import { pageOf } from '../pagination.ts'
import { assetId, inMicros, laneSchema, qualitySchema, rangeQuery, wholeNumber } from './common.ts'
import { gapViewSchema } from './gateways.ts'

const summary = {
  site: z.string(),
  asset: z.string(),
  name: z.string(),
  class: z.string(),
  family: z.string(),
  line: z.string(),
  owner: z.string().nullable(),
  criticality: z.string(),
  health: z.number().int().min(0).max(100).nullable().describe(
    '100: nothing comes near any rule of the policy; 50: the nearest rule raises; 0: twice that. A rule on confidence is measured in surprise, '
    + '−log10(1 − confidence); any other by its place between its clearing and its raising level. Null while nothing was scored.'),
  score: z.number().nullable(),
  confidence: z.number().nullable().describe('Probability that a normal window scores lower'),
  scoreId: z.string().nullable(),
  scoredAt: z.string().nullable().describe('End of the newest scored window, in event time'),
  hopSeconds: z.number().nullable().describe('How far apart windows are while data comes'),
  lane: laneSchema.nullable().describe('backfill: known from imported history alone'),
  severity: severitySchema.nullable().describe('Worst open alert'),
  openAlerts: z.number().int(),
  trend: z.array(z.number().nullable()).describe('Confidence of the newest 48 windows, oldest first'),
}
const twinSummarySchema = z.object(summary).meta({ id: 'TwinSummary' })

const driftSchema = z.object({
  verdict: z.enum(['rising', 'falling', 'steady', 'insufficient_data']),
  slopePerDay: z.number().optional().describe('Surprise gained a day of event time (Theil–Sen); 1 is ten times rarer'),
  pValue: z.number().optional().describe('Mann–Kendall, two-sided'),
  level: z.number().optional().describe('Surprise on the line at its end'),
  points: z.number().int().describe('Intervals of the last week that had a score'),
  reachesRaiseAt: z.string().nullable().describe('When the line reaches the level at which the first rule on confidence raises'),
})

const twinSchema = z
  .object({
    ...summary,
    release: z.string().nullable(),
    model: z.object({ name: z.string(), version: z.number().int() }).nullable(),
    rules: z.array(z.object({ ...ruleSchema.shape, failureMode: z.string().nullable(), value: z.number().nullable(), state: z.string() }))
      .describe('The policy’s rules with their figures in the newest window'),
    drift: driftSchema,
    likely: z.array(z.object({ rule: z.string(), failureMode: z.string().nullable(), recommendedAction: z.string(), closeness: z.number() }))
      .describe('How near each rule is: 0 at rest, 1 where it raises; nearest first'),
    drivers: z.array(z.object({ feature: z.string(), share: z.number() })).describe('What the newest score is made of'),
    questions: z.object({ drifting: z.string(), howFast: z.string(), failureMode: z.string(), whatToDo: z.string() }),
    tags: z.array(z.object({
      tag: z.string(),
      role: z.string(),
      kind: z.enum(['scalar', 'waveform']),
      unit: z.string(),
      value: z.number().nullable(),
      quality: qualitySchema.nullable(),
      at: z.string().nullable(),
      firstAt: z.string().nullable().describe('Its oldest reading'),
    })).describe('Newest reading of each tag'),
    gaps: z.array(gapViewSchema).describe('What is missing of its tags and why: gaps that go on, then those of the last week'),
  })
  .meta({ id: 'Twin' })

const spread = z.number().nullable()
const trendPointSchema = z
  .object({
    from: z.string(),
    windows: z.number().int(),
    confidence: z.object({ median: spread, max: spread }),
    score: z.object({ min: spread, median: spread, max: spread }),
  })
  .meta({ id: 'TwinTrendPoint' })

const common = { method: 'get', tag: 'Twins', right: 'read' } as const

export const twinEndpoints = [
  endpoint({
    ...common, operationId: 'listTwins', path: '/v1/twins', scope: 'sites', summary: 'Every machine: health, confidence, what is open',
    query: z.object({ family: slugSchema.optional(), ...pageInput }), answer: pageOf(twinSummarySchema),
    handle: ({ ctx, actor, site, query }) => listTwins(ctx, actor, { site, ...query }),
  }),
  endpoint({
    ...common, operationId: 'getTwin', path: '/v1/twins/{asset}', scope: 'site',
    summary: 'One machine: is it drifting? how fast? which failure mode is becoming likely? what should be done?',
    params: z.object({ asset: assetId }), answer: twinSchema,
    handle: ({ ctx, actor, site, params }) => getTwin(ctx, actor, { site, asset: params.asset }),
  }),
  endpoint({
    ...common, operationId: 'getTwinTrend', path: '/v1/twins/{asset}/trend', scope: 'site',
    summary: 'The champion’s scores of one machine over event time, in equal intervals',
    params: z.object({ asset: assetId }), query: z.object({ ...rangeQuery, points: wholeNumber.min(1).max(2000).default(300) }),
    answer: pageOf(trendPointSchema).extend({ bucketUs: z.number().int() }),
    handle: ({ ctx, actor, site, params, query }) => twinTrend(ctx, actor, { site, asset: params.asset, ...inMicros(query) }),
  }),
]
